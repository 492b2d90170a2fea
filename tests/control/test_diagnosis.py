import json
import os
import resource
import socket
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardhouse.control import diagnosis
from guardhouse.control.diagnosis import Finding
from guardhouse.control.state import State, lock, prepare
from guardhouse.identity.clients import Clients
from guardhouse.identity.issuer_bulletin import IssuerBulletin, IssuerKeys
from guardhouse.identity.issuers import Issuer
from guardhouse.model.bulletin import publish
from guardhouse.policy.settings import Address, Tls
from guardhouse.policy.snapshot import Target
from identity.authority import NOW as ISSUED
from identity.authority import Authority

NOW = 1_800_000_000.0


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def taken() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Address("127.0.0.1", listener.getsockname()[1])


def free() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Address("127.0.0.1", listener.getsockname()[1])


def target(address: Address) -> Target:
    return Target(name="local", kind="openai", scheme="http", host=address.host, port=address.port)


def test_a_state_directory_that_is_not_there_yet_is_fine(state: State) -> None:
    assert [finding.status for finding in diagnosis.state_files(state)] == ["ok"]
    assert diagnosis.secrets(state).status == "ok"


def test_a_prepared_state_directory_is_fine(state: State) -> None:
    prepare(state)
    assert [finding.status for finding in diagnosis.state_files(state)] == ["ok"]
    assert diagnosis.secrets(state).status == "ok"


def test_a_state_directory_open_to_others_is_a_problem_with_its_remedy(state: State) -> None:
    prepare(state)
    state.root.chmod(0o755)
    (finding,) = diagnosis.state_files(state)
    assert (finding.status, finding.remedy) == ("problem", f"run: chmod 700 {state.root}")


@pytest.mark.parametrize("name", ["store", "feed"])
def test_a_state_file_open_to_others_is_a_problem(state: State, name: str) -> None:
    prepare(state)
    path: Path = getattr(state, name)
    path.touch(mode=0o600)
    path.chmod(0o640)
    (finding,) = diagnosis.state_files(state)
    assert (finding.status, finding.remedy) == ("problem", f"run: chmod 600 {path}")


def test_a_secret_open_to_others_is_a_problem_with_its_remedy(state: State) -> None:
    made = prepare(state)
    state.pepper.chmod(0o644)
    finding = diagnosis.secrets(state)
    assert (finding.status, finding.remedy) == ("problem", f"run: chmod 600 {state.pepper}")
    assert made.pepper.reveal() not in json.dumps([finding.seen, finding.remedy])


def test_one_missing_secret_of_two_is_a_problem(state: State) -> None:
    prepare(state)
    state.hash_key.unlink()
    assert diagnosis.secrets(state).status == "problem"


def test_a_free_port_is_fine() -> None:
    assert diagnosis.port("data port", free(), serving=False).status == "ok"


def test_a_port_that_is_taken_is_a_problem_unless_it_is_ours(taken: Address) -> None:
    assert diagnosis.port("data port", taken, serving=False).status == "problem"
    assert diagnosis.port("data port", taken, serving=True).status == "ok"


def test_the_lock_tells_whether_a_gateway_is_serving(state: State) -> None:
    assert not diagnosis.is_serving(state)
    prepare(state)
    held = lock(state)
    assert diagnosis.is_serving(state)
    os.close(held)
    assert not diagnosis.is_serving(state)
    os.close(lock(state))


def test_few_open_files_are_a_warning() -> None:
    assert diagnosis.file_limit(1024).status == "warning"
    assert diagnosis.file_limit(diagnosis.LEAST_FILES).status == "ok"
    assert diagnosis.file_limit(resource.RLIM_INFINITY).status == "ok"


def test_a_disk_too_full_for_the_journal_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def free_bytes(amount: int) -> Finding:
        monkeypatch.setattr("shutil.disk_usage", lambda _: types.SimpleNamespace(free=amount))
        return diagnosis.disk(tmp_path, 100)

    assert free_bytes(99).status == "problem"
    assert free_bytes(100).status == "warning"
    assert free_bytes(diagnosis.LEAST_SPACE).status == "ok"


def test_a_clock_that_went_back_is_noticed(state: State) -> None:
    assert diagnosis.clock(state, NOW).status == "ok"
    assert diagnosis.clock(state, 86400.0).status == "problem"
    prepare(state)
    state.feed.touch()
    os.utime(state.feed, (NOW + 60, NOW + 60))
    assert diagnosis.clock(state, NOW).status == "warning"
    assert diagnosis.clock(state, NOW + 60).status == "ok"


def test_the_parsers_here_are_compiled() -> None:
    assert [finding.status for finding in diagnosis.compiled_parsers()] == ["ok"]


def test_a_parser_in_python_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not diagnosis.is_compiled(json)
    monkeypatch.setattr("guardhouse.control.diagnosis.is_compiled", lambda module: "uvloop" not in module.__name__)
    (finding,) = diagnosis.compiled_parsers()
    assert (finding.status, finding.seen) == ("problem", "not compiled: uvloop")


def test_a_target_that_accepts_is_fine_and_one_that_does_not_is_a_problem(taken: Address) -> None:
    assert diagnosis.reachable(target(taken)).status == "ok"
    assert diagnosis.reachable(target(free())).status == "problem"


def test_a_target_whose_name_resolves_to_nothing_is_a_problem() -> None:
    assert diagnosis.reachable(target(Address("no-such-host.invalid", 80))).status == "problem"


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A certificate for a day, authorities for a year, and lists for a day."""
    authority = Authority()
    certificate, key = authority.issue("spiffe://example.org/a").save(tmp_path)
    (tmp_path / "authorities.pem").write_bytes(authority.pem)
    (tmp_path / "list.pem").write_bytes(authority.list_of())
    clients = Clients(authorities=tmp_path / "authorities.pem", crl=tmp_path / "list.pem")
    return Tls(certificate=certificate, key=key, clients=clients)


def statuses(tls: Tls | None, now: float) -> dict[str, str]:
    return {finding.subject: finding.status for finding in diagnosis.certificates(tls, now)}


def test_what_has_an_end_is_told_before_it_comes_and_when_it_has(tls: Tls) -> None:
    now = ISSUED.timestamp()
    assert statuses(tls, now) == {"certificate": "warning", "authorities": "ok", "revocation lists": "ok"}
    assert statuses(tls, now + 0.6 * 86_400)["revocation lists"] == "warning"
    assert statuses(tls, now + 86_400) == {"certificate": "problem", "authorities": "ok", "revocation lists": "problem"}
    assert statuses(tls, now + 340 * 86_400)["authorities"] == "warning"


def test_without_tls_there_is_nothing_to_renew_and_without_clients_only_the_certificate(tls: Tls) -> None:
    assert statuses(None, NOW) == {}
    assert statuses(Tls(certificate=tls.certificate, key=tls.key), ISSUED.timestamp() - 86_400) == {
        "certificate": "warning"
    }


def test_a_certificate_that_is_none_is_a_problem(tls: Tls) -> None:
    tls.certificate.write_text("garbage")
    assert statuses(tls, NOW) == {"certificate": "problem"}


@pytest.mark.parametrize(
    ("age", "status"), [(10.0, "ok"), (901.0, "warning"), (43_199.0, "warning"), (43_200.0, "problem")]
)
def test_an_issuer_whose_keys_grow_old_is_told(state: State, age: float, status: str) -> None:
    prepare(state)
    issuer = Issuer(name="corp", issuer="https://login.example.com", audience=("g",))
    publish(state.issuers, IssuerBulletin(issuers={"corp": IssuerKeys(issuer.issuer, (), 1000.0)}))
    [finding] = diagnosis.issuers({"corp": issuer}, state, 1000.0 + age)
    assert (finding.subject, finding.status) == ("issuer corp", status)


def test_an_issuer_whose_keys_were_never_had_is_a_problem_once_the_gateway_has_served(state: State) -> None:
    prepare(state)
    issuer = Issuer(name="corp", issuer="https://login.example.com", audience=("g",))
    assert [finding.status for finding in diagnosis.issuers({"corp": issuer}, state, 0.0)] == ["ok"]
    publish(state.issuers, IssuerBulletin(issuers={"corp": IssuerKeys("https://former.example.com", (), 0.0)}))
    assert [finding.status for finding in diagnosis.issuers({"corp": issuer}, state, 0.0)] == ["problem"]


def test_a_token_key_open_to_others_is_a_problem(state: State) -> None:
    prepare(state)
    state.token_key.chmod(0o640)
    assert diagnosis.secrets(state).status == "problem"
