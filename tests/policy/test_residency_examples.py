"""The situations of docs/residency.md: each configuration loads, or is refused for exactly what the page says."""

import re
from pathlib import Path

import pytest

from guardhouse.policy.labels import places_of
from guardhouse.policy.load import Loaded, load
from guardhouse.residency.keeping import KINDS

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "residency.md").read_text()
EXAMPLES = sorted((ROOT / "docs" / "examples" / "residency").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_loads_or_is_refused_as_the_page_says(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(example.parent)
    loaded = load(Path(example.name), {})
    if "refused" not in example.stem:
        assert isinstance(loaded, Loaded), [str(problem) for problem in loaded]
        assert loaded.snapshot.residency is not None
        return
    assert not isinstance(loaded, Loaded)
    assert "".join(f"{problem}\n" for problem in loaded) in PAGE


def test_the_page_has_every_example_and_quotes_them() -> None:
    assert len(EXAMPLES) == 7
    for example in EXAMPLES:
        assert f"(examples/residency/{example.name})" in PAGE
    texts = [example.read_text() for example in EXAMPLES]
    quoted = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert [block for block in quoted if not any(block in text for text in texts)] == []


def test_the_page_explains_every_kind_of_bytes_and_every_place() -> None:
    cells = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    explained = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert {kind for kind in KINDS if kind not in explained} <= {"phone", "iban", "ssn", "ip", "private_key", "api_key"}
    example = load(ROOT / "docs" / "examples" / "residency" / "07-telemetry.yaml", {})
    assert isinstance(example, Loaded)
    for place in places_of(example.document):
        words = "copies" if place.name.startswith("copy:") else place.words
        assert f"| {words}" in PAGE, words
