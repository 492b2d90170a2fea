import errno
from pathlib import Path

import msgspec
import pytest

from guardhouse.identity import mtls
from guardhouse.identity.clients import Clients
from guardhouse.identity.mtls import Certificates, read_authorities
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from identity.authority import DAY, NOW, SPIFFE, Authority

AUTHORITY = Authority()
AT = NOW.timestamp()


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    (tmp_path / "authorities.pem").write_bytes(AUTHORITY.pem)
    return Clients(authorities=tmp_path / "authorities.pem")


@pytest.fixture
def with_list(clients: Clients, tmp_path: Path) -> Clients:
    (tmp_path / "list.pem").write_bytes(AUTHORITY.list_of())
    return msgspec.structs.replace(clients, crl=tmp_path / "list.pem")


def no_descriptors(_path: Path) -> bytes:
    raise OSError(errno.EMFILE, "Too many open files")


def put(path: Path | None, content: bytes) -> None:
    assert path is not None
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


def test_a_certificate_names_the_same_principal_object_on_every_connection(clients: Clients) -> None:
    certificates, issued = Certificates(clients), AUTHORITY.issue(SPIFFE)
    principals = [certificates.judge(certificates.read(issued.der), AT) for _ in range(2)]
    assert isinstance(principals[0], Principal)
    assert principals[0] is principals[1]


def test_a_certificate_ends_with_its_last_day_even_on_an_open_connection(clients: Clients) -> None:
    certificates = Certificates(clients)
    certified = certificates.read(AUTHORITY.issue(SPIFFE, ends=NOW + DAY).der)
    end = (NOW + DAY).timestamp()
    assert certificates.ended(certified, end - 1) is None
    assert certificates.ended(certified, end) is Reason.CREDENTIAL_EXPIRED


def test_a_flaw_is_told_to_the_caller(clients: Clients) -> None:
    certificates = Certificates(clients)
    told = certificates.judge(certificates.read(AUTHORITY.issue().der), AT)
    assert isinstance(told, Denial)
    assert (told.reason, "no URI" in told.detail) == (Reason.CERTIFICATE_INVALID, True)


def test_a_list_in_the_place_of_the_old_one_revokes_what_is_in_use(with_list: Clients) -> None:
    certificates, issued = Certificates(with_list), AUTHORITY.issue(SPIFFE)
    certified = certificates.read(issued.der)
    assert isinstance(certificates.judge(certified, AT), Principal)
    assert not certificates.has_news()
    put(with_list.crl, AUTHORITY.list_of(issued))
    assert certificates.has_news()
    assert certificates.reload() == ""
    assert not certificates.has_news()
    assert certificates.ended(certified, AT) is Reason.CREDENTIAL_REVOKED
    told = certificates.judge(certified, AT)
    assert isinstance(told, Denial)
    assert told.reason is Reason.CREDENTIAL_REVOKED


def test_a_list_that_is_refused_leaves_the_known_one_in_force_and_is_looked_at_once(with_list: Clients) -> None:
    issued = AUTHORITY.issue(SPIFFE)
    put(with_list.crl, AUTHORITY.list_of(issued))
    certificates = Certificates(with_list)
    put(with_list.crl, Authority("stranger").list_of())
    assert "not signed" in certificates.reload()
    assert not certificates.has_news()
    assert certificates.ended(certificates.read(issued.der), AT) is Reason.CREDENTIAL_REVOKED


def test_a_list_that_could_not_be_opened_is_tried_again(with_list: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates, issued = Certificates(with_list), AUTHORITY.issue(SPIFFE)
    put(with_list.crl, AUTHORITY.list_of(issued))
    with monkeypatch.context() as exhausted:
        exhausted.setattr(Path, "read_bytes", no_descriptors)
        assert "cannot be read" in certificates.reload()
    assert certificates.has_news()
    assert certificates.reload() == ""
    assert certificates.ended(certificates.read(issued.der), AT) is Reason.CREDENTIAL_REVOKED


def test_a_list_that_vanishes_is_no_news(with_list: Clients) -> None:
    certificates = Certificates(with_list)
    assert with_list.crl is not None
    with_list.crl.unlink()
    assert not certificates.has_news()
    assert "cannot be read" in certificates.reload()


def test_an_outdated_list_is_the_gateways_fault(with_list: Clients) -> None:
    put(with_list.crl, AUTHORITY.list_of(until=NOW))
    certificates = Certificates(with_list)
    told = certificates.judge(certificates.read(AUTHORITY.issue(SPIFFE).der), AT)
    assert isinstance(told, Denial)
    assert told.reason is Reason.IDENTITY_STALE


def test_memory_is_bounded(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtls, "_MOST", 3)
    certificates = Certificates(clients)
    for _ in range(5):
        certificates.read(AUTHORITY.issue(SPIFFE).der)
    assert "3 read" in repr(certificates)


def test_authorities_are_authorities() -> None:
    assert len(read_authorities(AUTHORITY.pem + Authority("other").pem)) == 2
    for content in (b"", b"garbage", AUTHORITY.list_of()):
        with pytest.raises(ValueError):
            read_authorities(content)


def test_a_leaf_is_no_authority(tmp_path: Path) -> None:
    certificate, _ = AUTHORITY.issue(SPIFFE).save(tmp_path)
    with pytest.raises(ValueError, match="not an authority's"):
        read_authorities(AUTHORITY.pem + certificate.read_bytes())
