"""What keeps a configuration from taking the place of the one in force: at the start, while it runs, on the command
line and in a check; and what a rollback is free of."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardhouse.cli.main import app
from guardhouse.control.activation import Activation
from guardhouse.control.revisions import Revisions
from guardhouse.control.store import Store
from guardhouse.control.succession import in_force, objections
from guardhouse.model.bulletin import publish
from guardhouse.policy.edition import Edition
from guardhouse.policy.load import Loaded, load_content

CONFIG = """\
targets:
  local: {kind: openai, url: "http://127.0.0.1:8000"}
models:
  small: {targets: [local], contract: talk}
contracts:
  talk: {version: "%s", request: %s}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat], models: ["*"]}
"""


def text(version: str, longest: int) -> bytes:
    return (CONFIG % (version, f"{{schema: {{properties: {{user: {{maxLength: {longest}}}}}}}}}")).encode()


OLD, NARROWER, WIDER = text("1.0", 9), text("1.1", 5), text("1.1", 12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def revisions(tmp_path: Path) -> Iterator[Revisions]:
    (tmp_path / "guardhouse-state").mkdir(mode=0o700)
    store = Store(tmp_path / "guardhouse-state" / "store.sqlite")
    yield Revisions(store.engine)
    store.close()


def read(folder: Path, content: bytes) -> Loaded:
    (folder / "guardhouse.yaml").write_bytes(content)
    loaded = load_content(content, folder / "guardhouse.yaml", {})
    assert isinstance(loaded, Loaded), loaded
    return loaded


def started(folder: Path, revisions: Revisions, content: bytes) -> Activation:
    published = folder / "guardhouse-state" / "policy.json"
    activation = Activation(revisions, folder / "guardhouse.yaml", {}, published)
    edition = activation.begin(read(folder, content), 1.0)
    assert isinstance(edition, Edition), edition
    publish(published, edition)
    return activation


def test_a_gateway_does_not_start_on_a_narrower_minor_version(folder: Path, revisions: Revisions) -> None:
    activation = started(folder, revisions, OLD)
    for _ in range(2):  # and looks at it anew the next time
        problems = activation.begin(read(folder, NARROWER), 2.0)
        assert isinstance(problems, tuple)
        (problem,) = problems
        assert (problem.line, problem.path) == (6, "contracts.talk.request.schema.properties.user.maxLength")
        assert "not proven to accept all that 1.0 does" in problem.message
    assert isinstance(activation.begin(read(folder, WIDER), 3.0), Edition)


def test_what_is_to_follow_a_running_one_is_weighed_against_it(folder: Path, revisions: Revisions) -> None:
    activation = started(folder, revisions, OLD)
    assert isinstance(activation.weigh_successor(NARROWER), tuple)
    assert isinstance(activation.weigh_successor(WIDER), Loaded)
    assert isinstance(activation.weigh(NARROWER), Loaded)


def test_check_and_activate_say_so_before_anything_happens(
    folder: Path, revisions: Revisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(folder, revisions, OLD)
    (folder / "next.yaml").write_bytes(NARROWER)
    monkeypatch.chdir(folder)
    for command in (["check", "-c", "next.yaml"], ["policy", "activate", "--file", "next.yaml"]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 1, result.output
        assert "next.yaml:6: contracts.talk.request.schema.properties.user.maxLength: is not proven" in result.output
    (folder / "next.yaml").write_bytes(WIDER)
    assert CliRunner().invoke(app, ["check", "-c", "next.yaml"]).exit_code == 0


def test_a_schema_file_may_be_written_anew_and_is_compared_with_what_it_said(
    folder: Path, revisions: Revisions
) -> None:
    def write(longest: int, version: str) -> bytes:
        content = b'{"properties": {"user": {"maxLength": %d}}}' % longest
        (folder / "talk.json").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return (CONFIG % (version, f'{{file: talk.json, digest: "sha256:{digest}"}}')).encode()

    activation = started(folder, revisions, write(9, "1.0"))
    assert isinstance(activation.weigh_successor(write(12, "1.1")), Loaded)
    problems = activation.weigh_successor(write(5, "1.1"))
    assert isinstance(problems, tuple)
    assert problems[0].path == "contracts.talk.request.file.properties.user.maxLength"


def test_what_is_in_force_is_what_was_published(folder: Path, revisions: Revisions) -> None:
    published = folder / "guardhouse-state" / "policy.json"
    assert in_force(published) is None
    assert objections(published, read(folder, NARROWER).document, NARROWER, folder / "x") == ()
    started(folder, revisions, OLD)
    assert in_force(published) == read(folder, OLD).document
    published.write_bytes(b'{"at": 1}')
    assert in_force(published) is None
