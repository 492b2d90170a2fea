import json
import os
import re
import stat
from pathlib import Path

import pytest

from cli.commanding import CONFIGURATION, Command
from guardhouse.control.state import State, load_secrets
from guardhouse.control.store import Store
from guardhouse.control.use_store import UseStore
from guardhouse.identity.api_keys import key_of
from guardhouse.identity.key_table import KeyTable
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.readers.uses import Use

_command = Command("keys")
run, told = _command.run, _command.told

KEY = re.compile(r"gh_[a-z0-9]{12}_[A-Za-z0-9]{43}")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "guardhouse.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def identified(key: str, folder: Path) -> Principal | Reason:
    state = State(folder / "state")
    store = Store(state.store)
    table = KeyTable(key_of(load_secrets(state).pepper), store.list())
    store.close()
    return table.identify(key.encode(), 0)


def test_a_created_key_is_all_there_is_on_standard_output(folder: Path) -> None:
    result = run("create", "--principal", "alice", "--group", "research", "--group", "staff")
    assert result.exit_code == 0
    key = result.stdout.strip()
    assert KEY.fullmatch(key)
    assert key not in result.stderr
    principal = identified(key, folder)
    assert isinstance(principal, Principal)
    assert (principal.id, principal.groups) == ("alice", frozenset({"research", "staff"}))


def test_a_group_that_no_policy_names_is_noted_and_the_key_made_all_the_same() -> None:
    result = run("create", "zoe", "--group", "reserch")
    assert result.exit_code == 0
    assert KEY.fullmatch(result.stdout.strip())
    assert 'note: no policy names the group "reserch"; did you mean "research"?' in result.stderr
    assert "note" not in run("create", "zoe", "--group", "research").stderr


def test_the_principal_may_be_named_either_way_but_once() -> None:
    assert told("create", "alice")["principal"] == told("create", "--principal", "alice")["principal"] == "alice"
    assert run("create").exit_code == 2
    assert run("create", "alice", "--principal", "alice").exit_code == 2


def test_creating_needs_no_upstream_credential_and_makes_the_state_private(folder: Path) -> None:
    assert "NOT_SET_ANYWHERE" not in os.environ
    told("create", "alice")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder / "state").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_a_key_with_an_expiry_says_when() -> None:
    made = told("create", "alice", "--expires", "30d")
    assert made["expires_at"] == pytest.approx(made["created_at"] + 30 * 86400)


@pytest.mark.parametrize("words", [("--expires", "soon"), ("--expires", "30"), ("--group", "a b"), ("--group", "*")])
def test_a_command_line_that_makes_no_sense_is_a_usage_error_and_makes_no_key(words: tuple[str, ...]) -> None:
    assert run("create", "alice", *words).exit_code == 2
    assert told("list") == []


def test_a_key_says_whose_it_is_and_what_it_is_for(folder: Path) -> None:
    words = "--service --owner bob --team finance --tier standard --role reader --scope infer --may chat --model tiny"
    made = told("create", "report", *words.split())
    assert (made["service"], made["owner"], made["team"], made["tier"]) == (True, "bob", "finance", "standard")
    assert (made["roles"], made["scopes"], made["operations"], made["models"]) == (
        ["reader"],
        ["infer"],
        ["chat"],
        ["tiny"],
    )
    principal = identified(made["key"], folder)
    assert isinstance(principal, Principal)
    assert principal.narrowings[0].models == frozenset({"tiny"})
    assert [each["owner"] for each in told("list")] == ["bob"]
    assert "bob" in run("list").stdout


def test_the_key_of_a_service_needs_an_owner() -> None:
    result = run("create", "report", "--service")
    assert result.exit_code == 2
    assert told("list") == []


@pytest.mark.parametrize(
    "words", [("--may", "fly"), ("--model", "a b"), ("--role", "*"), ("--team", ""), ("--tier", "")]
)
def test_terms_that_no_policy_can_speak_of_make_no_key(words: tuple[str, ...]) -> None:
    assert run("create", "alice", *words).exit_code == 2
    assert told("list") == []


@pytest.mark.parametrize("name", ["", "*", "a b", "a\tb", "a\n", "x" * 129, "a\u202eb"])
def test_a_principal_has_a_name_that_policies_can_say(name: str) -> None:
    assert run("create", "--principal", name).exit_code == 2


@pytest.mark.parametrize("name", ["' OR '1'='1".replace(" ", ""), "x');DROP;api_keys;--", "alice@example.com"])
def test_sql_in_a_name_is_only_a_name(name: str) -> None:
    told("create", name)
    assert [each["principal"] for each in told("list")] == [name]


def test_the_list_shows_every_key_and_neither_secret_nor_digest(folder: Path) -> None:
    keys = [told("create", "alice", "--group", "research")["key"], told("create", "bob")["key"]]
    store = Store(folder / "state" / "store.sqlite")
    digests = [record.digest for record in store.list()]
    store.close()
    shown = run("list").output + run("list", "--json").output
    for key, digest in zip(keys, digests, strict=True):
        _, key_id, secret = key.split("_")
        assert key_id in shown
        assert secret not in shown
        assert digest.hex() not in shown
    assert [each["state"] for each in told("list")] == ["active", "active"]


def test_the_list_shows_when_a_key_was_last_used(folder: Path) -> None:
    used, idle = told("create", "alice"), told("create", "bob")
    store = Store(folder / "state" / "store.sqlite")
    UseStore(store.engine).save([Use(f"key:{used['id']}", 1.0, 1_800_000_000.0)])
    store.close()
    assert {each["id"]: each["last_used_at"] for each in told("list")} == {
        used["id"]: 1_800_000_000.0,
        idle["id"]: None,
    }
    assert "2027-01-15" in run("list").stdout


def test_a_revoked_key_is_refused_and_listed_as_such(folder: Path) -> None:
    made = told("create", "alice")
    assert told("revoke", made["id"])["state"] == "revoked"
    assert identified(made["key"], folder) is Reason.CREDENTIAL_REVOKED
    assert [each["state"] for each in told("list")] == ["revoked"]


def test_revoking_twice_is_as_good_as_once() -> None:
    made = told("create", "alice")
    assert told("revoke", made["id"])["revoked_at"] == told("revoke", made["id"])["revoked_at"]


def test_a_whole_key_stands_for_its_id_and_is_not_repeated() -> None:
    made = told("create", "alice")
    result = run("revoke", made["key"])
    assert result.exit_code == 0
    assert made["key"] not in result.output


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_an_unknown_id_is_said_and_exits_with_one(command: str) -> None:
    result = run(command, "nosuchkey123")
    assert result.exit_code == 1
    assert "there is no such key" in result.stderr
    result = run(command, "nosuchkey123", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"error": "there is no such key"})


def test_rotation_gives_a_new_key_and_lets_the_old_one_go_on(folder: Path) -> None:
    old = told("create", "alice", "--group", "research")
    new = told("rotate", old["id"])
    assert new["replaces"] == old["id"]
    assert new["groups"] == ["research"]
    assert new["old_until"] == pytest.approx(new["created_at"] + 86400)
    assert isinstance(identified(old["key"], folder), Principal)
    assert isinstance(identified(new["key"], folder), Principal)


def test_rotation_at_once_revokes_the_old_key(folder: Path) -> None:
    old = told("create", "alice")
    result = run("rotate", old["id"], "--now")
    assert KEY.fullmatch(result.stdout.strip())
    assert identified(old["key"], folder) is Reason.CREDENTIAL_REVOKED
    assert isinstance(identified(result.stdout.strip(), folder), Principal)


def test_a_revoked_key_is_not_rotated() -> None:
    made = told("create", "alice")
    told("revoke", made["id"])
    result = run("rotate", made["id"])
    assert (result.exit_code, result.stdout) == (1, "")


def test_a_configuration_that_cannot_be_read_is_told_with_its_place(folder: Path) -> None:
    (folder / "guardhouse.yaml").write_text("version: 1\nstates: ./x\n")
    result = run("list")
    assert result.exit_code == 1
    assert "guardhouse.yaml:2" in result.stderr
    assert json.loads(run("list", "--json").stdout)["problems"]
    assert "cannot be read" in run("list", "--config", "nowhere.yaml").stderr


def test_a_pepper_open_to_others_stops_every_command(folder: Path) -> None:
    told("create", "alice")
    (folder / "state" / "secrets" / "pepper").chmod(0o644)
    result = run("list")
    assert result.exit_code == 1
    assert "chmod 600" in result.stderr


@pytest.mark.parametrize("command", ["create", "list", "revoke", "rotate"])
def test_every_command_shows_an_example(command: str) -> None:
    assert f"Example: guardhouse keys {command}" in " ".join(run(command, "--help").output.split())
