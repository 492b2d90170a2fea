"""`guardhouse tokens`: what it writes is what a running gateway follows."""

import json
import time
from pathlib import Path

import pytest

from cli.commanding import CONFIGURATION, Command
from guardhouse.control.minting import Minter
from guardhouse.control.revocations import REMEMBERED, Revocations
from guardhouse.control.state import State
from guardhouse.control.store import Store

run = Command("tokens").run


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    (tmp_path / "guardhouse.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    return State(tmp_path / "state")


def test_a_revocation_is_in_the_store_with_who_did_it(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "olga")
    before = time.time()
    told = json.loads(run("revoke", "corp:token-0001", "--json").stdout)
    store = Store(state.store)
    [revocation] = Revocations(store.engine).since(0, 9)
    store.close()
    assert (revocation.credential, revocation.by) == ("corp:token-0001", "olga")
    assert before <= revocation.at <= time.time()
    assert revocation.until == told["until"] == pytest.approx(revocation.at + REMEMBERED)


@pytest.mark.parametrize("text", ["eyJhbGciOiJub25lIn0.e30.c2ln", "two words", "", "x" * 200, "a\nb"])
def test_what_is_no_credential_id_is_not_taken_for_one(text: str) -> None:
    done = run("revoke", text)
    assert done.exit_code == 2
    assert "eyJ" not in done.output


def test_the_id_of_a_key_is_not_taken_for_that_of_a_token() -> None:
    done = run("revoke", "aliceaaaaaaa")
    assert done.exit_code == 1
    assert "keys revoke" in done.output


def test_rotation_puts_a_new_key_in_front_and_keeps_the_old_one(state: State) -> None:
    first = json.loads(run("rotate", "--json").stdout)["key"]
    second = json.loads(run("rotate", "--json").stdout)["key"]
    assert [key.kid for key in Minter(state).public_keys] == [second, first]
    assert state.token_key.read_text().strip() not in run("rotate").output


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_every_command_shows_an_example(command: str) -> None:
    assert f"guardhouse tokens {command}" in run(command, "--help").output
