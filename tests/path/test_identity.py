"""What becomes of credentials that fail, one after the other."""

import json
from pathlib import Path
from typing import Any

import pytest
from playbook import ALICE, BOB, CONFIG, REVOKED, Play, chat, perform, post

from guardhouse.identity.api_keys import KeyRecord
from guardhouse.model.operation import Operation

WRONG = b"gh_aliceaaaaaaa_" + b"X" * 43
NOBODY = b"gh_nosuchkeyyyy_" + b"X" * 43
IMPATIENT = CONFIG + "signins: {failures: 3, first: 10s}\n"
STRICT = CONFIG + "signins: {failures: 3, first: 10s, strict: true}\n"


async def ask(play: Play, key: bytes | None) -> Any:
    """One request on a connection of its own."""
    play.wire, play.caller = play.connect()
    return await play.say(post(chat("x"), key=key))


def events(play: Play) -> list[dict[str, Any]]:
    lines = b"".join(path.read_bytes() for path in sorted((play.directory / "journal").glob("*.jsonl")))
    return [record for record in map(json.loads, lines.splitlines()) if record["kind"] == "event"]


def test_from_a_burst_on_failures_are_told_to_wait_and_cut_off(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert [(await ask(play, NOBODY)).code for _ in range(3)] == ["credential_invalid"] * 3
        answer = await ask(play, NOBODY)
        assert (answer.status, answer.code) == (429, "signin_backoff")
        assert 1 <= int(answer.headers[b"retry-after"]) <= 10
        assert answer.headers[b"connection"] == b"close"
        assert play.records[-1]["reason"] == "signin_backoff"

    perform(tmp_path, scene, config=IMPATIENT)


def test_a_valid_key_passes_behind_the_same_address(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for _ in range(5):
            await ask(play, WRONG)
        assert (await ask(play, ALICE)).status == 200
        assert (await ask(play, WRONG)).code == "signin_backoff"

    perform(tmp_path, scene, config=IMPATIENT)


def test_where_strictness_is_said_it_does_not(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await ask(play, ALICE)).status == 200
        for _ in range(3):
            await ask(play, NOBODY)
        assert (await ask(play, ALICE)).code == "signin_backoff"

    perform(tmp_path, scene, config=STRICT)


def test_a_burst_is_an_event_once_for_the_address_and_once_for_the_key(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for _ in range(6):
            await ask(play, WRONG)
        by_address, by_key = events(play)
        assert (by_address["name"], by_address["severity"]) == ("identity.failure_burst", "warning")
        assert by_address["facts"] == {"of": "address", "subject": "192.0.2.7", "failures": 3, "seconds": 10.0}
        assert (by_key["credential"], by_key["client"]) == ("aliceaaaaaaa", "192.0.2.7")
        assert b"X" * 43 not in json.dumps(events(play)).encode()

    perform(tmp_path, scene, config=IMPATIENT)


def test_an_id_that_does_not_exist_is_not_remembered(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for number in range(20):
            await ask(play, b"gh_%012d_" % number + b"X" * 43)
        assert len(play.plane.guard) == 1
        assert [event["facts"]["of"] for event in events(play)] == ["address"]

    perform(tmp_path, scene, config=IMPATIENT)


@pytest.mark.parametrize("key", [None, BOB], ids=["no key", "a valid key without the right"])
def test_what_is_no_failed_credential_does_not_count(tmp_path: Path, key: bytes | None) -> None:
    async def scene(play: Play) -> None:
        for _ in range(6):
            assert (await ask(play, key)).status in (401, 403)
        assert len(play.plane.guard) == 0

    perform(tmp_path, scene, config=IMPATIENT)


def test_a_revoked_key_counts_and_the_answer_still_says_why(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answers = [await ask(play, REVOKED) for _ in range(4)]
        assert [answer.code for answer in answers] == ["credential_revoked"] * 3 + ["signin_backoff"]
        assert "revoked" in answers[-1].json["error"]["message"]

    perform(tmp_path, scene, config=IMPATIENT)


def test_whoever_comes_with_an_expired_key_hears_so_every_time(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        table = play.plane.keys.table
        kept = table.read(ALICE).digest
        table.put(KeyRecord(id="aliceaaaaaaa", digest=kept, principal="alice", created_at=0.0, expires_at=1.0))
        assert {(await ask(play, ALICE)).code for _ in range(6)} == {"credential_expired"}
        assert events(play) == []

    perform(tmp_path, scene, config=IMPATIENT)


def test_a_credential_that_cannot_be_read_is_not_laid_to_the_key_before_it(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("x")))).status == 200
        for _ in range(4):
            await play.say(post(chat("x"), key=b"not one word"))
        assert [event["facts"]["of"] for event in events(play)] == ["address"]

    perform(tmp_path, scene, config=IMPATIENT)


@pytest.mark.parametrize(
    ("narrowed", "path", "model", "status"),
    [
        ({}, b"/v1/chat/completions", "small", 200),
        ({"operations": (Operation.CHAT,)}, b"/v1/chat/completions", "small", 200),
        ({"operations": (Operation.EMBEDDINGS,)}, b"/v1/chat/completions", "small", 403),
        ({"models": ("small",)}, b"/v1/chat/completions", "small", 200),
        ({"models": ("small",)}, b"/v1/chat/completions", "renamed", 403),
        ({"models": ("secret-model",)}, b"/v1/chat/completions", "secret-model", 403),
        ({"operations": (), "models": ()}, b"/v1/chat/completions", "small", 403),
    ],
)
def test_a_narrowed_key_gets_what_policies_allow_and_it_names(
    tmp_path: Path, narrowed: dict[str, Any], path: bytes, model: str, status: int
) -> None:
    async def scene(play: Play) -> None:
        table = play.plane.keys.table
        kept = table.read(ALICE).digest
        terms = {"principal": "alice", "groups": ("research",), **narrowed}
        table.put(KeyRecord(id="aliceaaaaaaa", digest=kept, created_at=0.0, **terms))
        assert (await play.say(post(chat("x", model=model), path=path))).status == status

    perform(tmp_path, scene)
