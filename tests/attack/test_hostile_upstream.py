"""A model server that lies: every way of hostile.py ends with a clear reason and a clean connection pool.

After each of them a canary goes over whatever connection the pool then holds; if a dirty one were used again, the
canary would get the poison that the lie left behind.
"""

import json
from collections.abc import Iterator

import pytest

from attack.hostile import BROKEN, CUT, DIRTY, SILENT, STREAMS, UNREADABLE, HostileBackend
from attack.invariants import flat
from integration.gateway import Gateway, running
from integration.polling import eventually
from integration.raw_http import Answer, AnswerMalformedError, ask, request

CHANGES = {"upstream": {"connect": "1s", "first_byte": "1s", "between_bytes": "1s", "response_body": "1MiB"}}
STREAM_CODES = {
    "upstream_protocol_error",
    "upstream_closed_early",
    "upstream_between_bytes_timeout",
    "response_too_large",
    "response_unreadable",
}
ALLOWED_GROWTH_KIB = 24 * 1024


@pytest.fixture(scope="module")
def hostile() -> Iterator[HostileBackend]:
    with HostileBackend() as started:
        yield started


@pytest.fixture(scope="module")
def fronting(tmp_path_factory: pytest.TempPathFactory, hostile: HostileBackend) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("hostile"), hostile.url, CHANGES) as started:
        yield started


@pytest.fixture(autouse=True)
def canary(fronting: Gateway) -> Iterator[None]:
    """Before and after each lie, several at once, so that every connection of the pool is asked."""
    memory = fronting.resident_kib()
    yield
    for number in range(3):
        text = f"canary {number}"
        answer = fronting.chat(text)
        assert answer.status == 200
        assert answer.document["choices"][0]["message"]["content"] == text
    assert flat(memory, fronting.resident_kib(), ALLOWED_GROWTH_KIB) == []


def closed_reason(gateway: Gateway, answer: Answer) -> str:
    """What the journal says of this answer."""
    found: list[dict[str, object]] = []

    def written() -> bool:
        found[:] = [
            record
            for record in gateway.records()
            if record["kind"] == "closed" and record["id"] == answer.header("x-request-id")
        ]
        return bool(found)

    eventually(written, 3, "the exchange is closed in the journal")
    assert len(found) == 1
    return str(found[0].get("reason", ""))


def refused(gateway: Gateway, name: str) -> str:
    """The code of the refusal, which caller and journal have to agree on."""
    answer = gateway.chat(f"hostile:{name}")
    assert answer.status in (502, 504), answer.body[:300]
    assert answer.document["error"]["message"]
    assert closed_reason(gateway, answer) == answer.code
    return answer.code


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_protocol_is_a_protocol_error(fronting: Gateway, name: str) -> None:
    assert refused(fronting, name) == "upstream_protocol_error"


@pytest.mark.parametrize("name", CUT)
def test_an_answer_that_breaks_off_is_closed_early(fronting: Gateway, name: str) -> None:
    assert refused(fronting, name) == "upstream_closed_early"


@pytest.mark.parametrize("name", SILENT)
def test_silence_ends_at_its_deadline(fronting: Gateway, name: str) -> None:
    assert refused(fronting, name) == SILENT[name][0]


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_answer_that_cannot_be_judged_is_not_passed_on(fronting: Gateway, name: str) -> None:
    assert refused(fronting, name) == UNREADABLE[name][0]


@pytest.mark.parametrize("name", DIRTY)
def test_a_connection_that_said_more_than_its_answer_is_not_used_again(
    fronting: Gateway, hostile: HostileBackend, name: str
) -> None:
    answer = fronting.chat(f"hostile:{name}")
    assert answer.status == 200
    assert answer.document["choices"][0]["message"]["content"] == "fine"
    used = hostile.tape.seen[-1].connection
    following = fronting.chat("next")
    assert following.document["choices"][0]["message"]["content"] == "next"
    assert hostile.tape.seen[-1].connection != used


def test_a_dripping_answer_arrives_whole(fronting: Gateway) -> None:
    answer = fronting.chat("hostile:dripping")
    assert answer.document["choices"][0]["message"]["content"] == "fine"


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "stream-ends-without-done"])
def test_a_stream_that_fails_never_ends_like_one_that_succeeded(fronting: Gateway, name: str) -> None:
    """The client can tell: the body breaks off, or its last event but the terminator is an error with a stable code."""
    document = {"model": "tiny", "stream": True, "messages": [{"role": "user", "content": f"hostile:{name}"}]}
    headers = {"Authorization": f"Bearer {fronting.key}"}
    try:
        answer = ask(fronting.data, request("POST", "/v1/chat/completions", headers=headers, document=document))
    except (AssertionError, AnswerMalformedError):
        return  # broken off: no complete answer
    if answer.status != 200:
        assert answer.status in (502, 504)
        return
    said = [event for event in answer.events if event != "[DONE]"]
    assert json.loads(said[-1])["error"]["code"] in STREAM_CODES
    assert closed_reason(fronting, answer) == json.loads(said[-1])["error"]["code"]


def test_every_hostile_exchange_is_closed_in_the_journal(fronting: Gateway) -> None:
    def open_ones() -> set[str]:
        records = fronting.records()
        closed = {record["id"] for record in records if record["kind"] == "closed"}
        return {record["id"] for record in records if record["kind"] == "opened"} - closed

    eventually(lambda: not open_ones(), 5, "nothing is left open")
