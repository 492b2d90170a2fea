import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from guardhouse.identity.revocations import ListRefused, Revocations, read_lists
from guardhouse.model.reason import Reason
from identity.authority import NOW, SPIFFE, Authority, Issued

ROOT = Authority("root")
BELOW = Authority("below", above=ROOT)
AT = NOW.timestamp()


def check(lists: Revocations, issued: Issued, at: float = AT) -> Reason | None:
    certificate = issued.certificate
    return lists.check(certificate.issuer.public_bytes(), certificate.serial_number, at)


def test_what_is_on_the_list_is_revoked_and_nothing_else() -> None:
    good, bad = ROOT.issue(SPIFFE), ROOT.issue(SPIFFE)
    lists = read_lists(ROOT.list_of(bad), [ROOT.certificate])
    assert check(lists, bad) is Reason.CREDENTIAL_REVOKED
    assert check(lists, good) is None


def test_a_number_is_only_revoked_for_the_authority_that_gave_it() -> None:
    bad = ROOT.issue(SPIFFE)
    lists = read_lists(ROOT.list_of(bad) + BELOW.list_of(), [ROOT.certificate, BELOW.certificate])
    assert lists.check(BELOW.certificate.subject.public_bytes(), bad.certificate.serial_number, AT) is None


def test_a_list_counts_until_its_next_update() -> None:
    good, bad = ROOT.issue(SPIFFE), ROOT.issue(SPIFFE)
    lists = read_lists(ROOT.list_of(bad, until=NOW), [ROOT.certificate])
    assert check(lists, good, AT - 1) is None
    assert check(lists, good, AT) is Reason.IDENTITY_STALE
    assert check(lists, bad, AT) is Reason.CREDENTIAL_REVOKED


def test_without_a_list_of_its_authority_no_certificate_counts() -> None:
    lists = read_lists(ROOT.list_of(), [ROOT.certificate, BELOW.certificate])
    assert check(lists, BELOW.issue(SPIFFE)) is Reason.CERTIFICATE_INVALID


def test_an_authority_that_is_revoked_vouches_for_nobody_nor_do_those_below_it() -> None:
    lowest = Authority("lowest", above=BELOW)
    authorities = [lowest.certificate, BELOW.certificate, ROOT.certificate]
    lists = read_lists(ROOT.list_of(BELOW) + BELOW.list_of() + lowest.list_of(), authorities)
    assert check(lists, BELOW.issue(SPIFFE)) is Reason.CREDENTIAL_REVOKED
    assert check(lists, lowest.issue(SPIFFE)) is Reason.CREDENTIAL_REVOKED
    assert check(lists, ROOT.issue(SPIFFE)) is None


def test_a_single_list_may_be_der() -> None:
    bad = ROOT.issue(SPIFFE)
    der = x509.load_pem_x509_crl(ROOT.list_of(bad)).public_bytes(serialization.Encoding.DER)
    assert check(read_lists(der, [ROOT.certificate]), bad) is Reason.CREDENTIAL_REVOKED


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no revocation list"),
        (b"garbage", "no revocation list"),
        (ROOT.pem, "no revocation list"),
        (ROOT.list_of() + b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "no revocation list"),
        (ROOT.list_of()[: len(ROOT.list_of()) // 2], "no revocation list"),
        (Authority("stranger").list_of(), "not signed"),
        (Authority("root").list_of(), "not signed"),
        (ROOT.list_of(signer=BELOW.key), "not signed"),
        (ROOT.list_of(critical=True), "critical"),
        (ROOT.list_of() + Authority("root").list_of(), "not signed"),
    ],
)
def test_a_file_with_anything_else_in_it_is_refused_whole(content: bytes, why: str) -> None:
    with pytest.raises(ListRefused, match=why):
        read_lists(content, [ROOT.certificate, BELOW.certificate])
