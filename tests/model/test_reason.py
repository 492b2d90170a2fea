import re

from guardhouse.model.reason import Reason


def test_every_code_is_unique_and_in_one_style() -> None:
    codes = [reason.code for reason in Reason]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", code) for code in codes)


def test_what_a_caller_did_wrong_is_never_a_5xx() -> None:
    assert all(reason.status < 500 for reason in Reason if reason.fault == "caller")


def test_what_the_gateway_or_an_upstream_did_wrong_is_one() -> None:
    internal = {Reason.WORKER_DIED}
    assert all(reason.status >= 500 for reason in set(Reason) - internal if reason.fault != "caller")


def test_every_message_is_a_sentence() -> None:
    assert all(re.fullmatch(r"[A-Z].*\.", reason.message) for reason in Reason)


def test_a_401_says_what_client_libraries_look_for() -> None:
    told = (Reason.CREDENTIAL_INVALID, Reason.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REVOKED)
    assert all(reason.message.startswith("Incorrect API key provided") for reason in told)
