import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guardhouse.app.gateway import publish_once
from guardhouse.app.prepared import NotStarted, prepared
from guardhouse.app.worker import hash_key_of
from guardhouse.control.state import State, prepare, shares_of
from guardhouse.identity.key_feed import KeyFeed
from guardhouse.identity.tokens import TokenTable
from guardhouse.policy.load import Loaded, load

CONFIGURATION = """\
version: 1
state: ./state
targets: {local: {kind: openai, url: "http://127.0.0.1:9", credential: "${env:A_KEY_OF_THE_TESTS}"}}
models: {tiny: {targets: [local]}}
policies: [{name: all, who: {groups: [research]}, may: [chat], models: [tiny]}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("A_KEY_OF_THE_TESTS", "made-up")
    path = tmp_path / "guardhouse.yaml"
    path.write_text(CONFIGURATION)
    return path


@pytest.fixture
def state(config: Path) -> State:
    """A state directory in which a supervisor has published what its children go by."""
    loaded = load(config)
    assert isinstance(loaded, Loaded)
    state = State(loaded.settings.state)
    prepare(state)
    publish_once(state, config, loaded)
    return state


def test_a_worker_knows_neither_sql_nor_the_admin_server_nor_the_command_line() -> None:
    foreign = {"sqlalchemy", "uvicorn", "starlette", "typer"}
    code = f"import sys, guardhouse.app.worker; print(sorted({foreign} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_hash_key_is_named_without_telling_of_it(tmp_path: Path) -> None:
    secrets, others = prepare(State(tmp_path / "a")), prepare(State(tmp_path / "b"))
    named = hash_key_of(secrets)
    assert named.id == hash_key_of(secrets).id
    assert named.id != hash_key_of(others).id
    assert len(named.id) == 8
    assert named.id not in secrets.hash_key.reveal()
    assert secrets.hash_key.reveal() not in repr(named)


def test_shares_are_the_same_in_every_process_of_a_gateway_and_others_elsewhere(tmp_path: Path) -> None:
    here, there = prepare(State(tmp_path / "a")), prepare(State(tmp_path / "b"))
    position = shares_of(here).position("canary", "alice")
    assert shares_of(prepare(State(tmp_path / "a"))).position("canary", "alice") == position
    assert shares_of(there).position("canary", "alice") != position


def test_a_process_gets_what_was_published_and_the_secrets(state: State) -> None:
    ready = prepared(state.root)
    assert ready.settings.state == state.root
    assert ready.secrets == prepare(state)
    credential = ready.policy.snapshot.targets["local"].credential
    assert credential is not None
    assert credential.reveal() == "made-up"
    assert "made-up" not in state.policy.read_text()


def test_the_first_worker_finds_all_that_callers_are_identified_by(state: State) -> None:
    keys = KeyFeed(state.feed, prepare(state).pepper)
    keys.load()
    tokens = TokenTable({}, state.issuers, state.wanted)
    tokens.load()
    now = time.time()
    assert keys.age(now) < 60
    assert tokens.age(now) < 60
    assert tokens.awaited(now) == []


def test_an_edited_file_does_not_concern_a_process_that_is_started_again(config: Path, state: State) -> None:
    before = prepared(state.root)
    config.write_text("version: 1\nnonsense: 1\n")
    assert prepared(state.root).policy.snapshot.revision == before.policy.snapshot.revision


def test_without_secrets_a_process_does_not_start(state: State) -> None:
    state.pepper.unlink()
    with pytest.raises(NotStarted, match="pepper is missing"):
        prepared(state.root)


def test_without_a_published_policy_a_process_does_not_start(state: State) -> None:
    state.policy.unlink()
    with pytest.raises(NotStarted, match=r"policy\.json is missing"):
        prepared(state.root)


def test_without_a_secret_of_the_policy_a_process_does_not_start(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY_OF_THE_TESTS")
    with pytest.raises(NotStarted, match="A_KEY_OF_THE_TESTS is not set"):
        prepared(state.root)


@pytest.mark.parametrize("process", [("worker", "0"), ("control", "guardhouse.yaml")])
def test_a_process_that_cannot_start_says_why_in_one_line(state: State, process: tuple[str, ...]) -> None:
    state.policy.unlink()
    name, *rest = process
    line = [sys.executable, "-m", f"guardhouse.app.{name}", str(state.root), *rest]
    done = subprocess.run(
        line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.returncode == 1
    assert done.stderr.startswith("guardhouse: ")
    assert done.stderr.count("\n") == 1
