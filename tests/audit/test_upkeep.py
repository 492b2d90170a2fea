import msgspec

from audit.journaling import AT, opened
from guardhouse.audit import upkeep
from guardhouse.audit.upkeep import Carried, Mended, Outage, Segment
from guardhouse.model.reason import Reason


def test_what_is_carried_has_the_values_of_the_opened_record() -> None:
    record = opened("x", stream=True, risk=8, prompt_hash="f" * 32)
    carried = Carried.from_opened(record)
    assert all(getattr(carried, name) == getattr(record, name) for name in Carried.__struct_fields__)
    assert msgspec.json.decode(msgspec.json.encode(record), type=Carried) == carried


def test_an_exchange_that_is_ended_keeps_who_asked_what_of_which_model() -> None:
    record = opened("x", stream=True, risk=8, token_estimate=12, reserved=500, reserved_cost=7000)
    ended = upkeep.end(record, AT + 9, "aborted", Reason.WORKER_DIED)
    assert (ended.at, ended.decision, ended.outcome, ended.reason) == (AT + 9, "allowed", "aborted", "worker_died")
    assert (ended.input_tokens, ended.output_tokens, ended.usage_source) == (12, 0, "estimated")
    assert (ended.charged, ended.charged_cost) == (500, 7000)
    shared = set(Carried.__struct_fields__) - {"at", "token_estimate", "reserved", "reserved_cost"}
    assert all(getattr(ended, name) == getattr(record, name) for name in shared)


def test_every_record_of_the_journal_itself_begins_with_its_kind() -> None:
    for record, kind in (
        (Segment(segment=1, previous="", worker="w0", at=AT, open=[]), b"segment"),
        (Mended(at=AT, segment=1, offset=0, dropped=1, sha256=""), b"mended"),
        (Outage(at=AT, since=AT, records=1, error="EIO"), b"outage"),
    ):
        assert msgspec.json.encode(record).startswith(b'{"kind":"' + kind + b'"')
