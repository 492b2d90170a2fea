"""What the documentation claims and a machine can check: its links lead somewhere, the files and commands it names are
there, and the configuration that a newcomer copies from the README is a good one, in twelve lines."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardhouse.cli import reasons
from guardhouse.cli.main import app
from guardhouse.model.entity import ENTITY_NAMES
from guardhouse.model.reason import Reason
from guardhouse.policy.load import Loaded, load

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "guardhouse"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text()
OPERATOR_PAGES = [*(ROOT / name for name in ("README.md", "SECURITY.md", "docs/threat-model.md", "docs/operations.md"))]

MADE = set((ROOT / ".gitignore").read_text().split())  # by a command, not there before

GROUPS = {"keys", "audit", "targets", "gates", "tokens", "policy", "residency"}  # commands of two words


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_inside_the_repository_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_source_file_that_is_named_is_there(page: Path) -> None:
    mentioned = set(re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.\w+)?)`", page.read_text())) - MADE
    roots = (ROOT, SOURCE, ROOT / "src")
    assert [path for path in mentioned if not any((root / path).exists() for root in roots)] == []


@pytest.mark.parametrize("page", OPERATOR_PAGES, ids=named)
def test_every_command_that_is_named_has_a_help_page(page: Path) -> None:
    lines = re.findall(r"(?:^|`)guardhouse ((?:[a-z]+ ?)+)", page.read_text(), re.MULTILINE)
    assert lines
    for words in {tuple(line.split()) for line in lines}:
        command = words[:2] if words[0] in GROUPS else words[:1]
        assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0, command


def test_the_readme_s_configuration_is_sound_and_has_twelve_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert found is not None
    assert len(found[1].splitlines()) == 12
    monkeypatch.setenv("UPSTREAM_KEY", "made-up")
    config = tmp_path / "guardhouse.yaml"
    config.write_text(found[1])
    loaded = load(config)
    assert isinstance(loaded, Loaded), loaded


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 150


def test_every_entity_is_named_where_masks_are_explained() -> None:
    row = re.search(r"^\| `entities` \|.*", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE)
    assert row is not None
    assert [name for name in ENTITY_NAMES if f"`{name}`" not in row[0]] == []


def test_the_page_of_reasons_is_the_one_that_the_enum_makes() -> None:
    assert (ROOT / "docs" / "reasons.md").read_text() == reasons.page(), "run `make docs`"


def test_every_reason_is_given_somewhere() -> None:
    files = [path for path in SOURCE.rglob("*.py") if path.parent.name != "readers"]
    given = {name for path in files for name in re.findall(r"\bReason\.([A-Z0-9_]+)\b", path.read_text())}
    assert [reason.name for reason in Reason if reason.name not in given] == []


def test_the_parts_of_the_test_suite_that_are_named_as_examples_are_there() -> None:
    pages = [*PAGES, ROOT / "Makefile"]
    examples = {
        quoted or bare
        for page in pages
        for quoted, bare in re.findall(r"make test ARGS=(?:'([^']+)'|([^\s'\"`]+))", page.read_text())
    }
    assert examples
    for example in examples:
        place, *rest = example.split()
        assert (ROOT / place).exists(), example
        wanted = rest[1] if rest[:1] == ["-k"] else ""
        names = "\n".join(path.read_text() for path in (ROOT / place).rglob("test_*.py"))
        assert re.search(rf"def test_\w*{wanted}", names), example


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    mentioned = {
        target for page in PAGES for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert mentioned <= targets
    assert {"demo", "test", "check"} <= mentioned
