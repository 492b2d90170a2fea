"""Tokens on their way through the path: identified, overseen, refused in the words of the dialect."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playbook import CONFIG, Play, chat, chunk_event, get, perform, post, stream

from guardhouse.identity import jws
from guardhouse.identity.issuer_bulletin import IssuerBulletin, IssuerKeys
from guardhouse.identity.vouchers import Vouchers
from guardhouse.model.bulletin import publish
from identity.revoking import publish_revoked
from identity.signing import AUDIENCE, OTHER_RSA, URL, claims, key_set, token, usable

TRUSTING = f"""{CONFIG}
identity:
  issuers:
    corp: {{issuer: "{URL}", audience: [{AUDIENCE}], keys: {{file: keys.json}}}}
"""
HALF = stream(chunk_event("one"), chunk_event("two"), chunk_event("never sent", "stop"))[:3]


class Trusting:
    """A play whose worker has been told of an issuer's keys."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.now = play.plane.now()
        self.path = play.directory / "issuers.json"
        self.publish()

    def publish(self, **changes: Any) -> None:
        bulletin = IssuerBulletin(issuers={"corp": IssuerKeys(URL, usable(), self.now)})
        publish(self.path, msgspec.structs.replace(bulletin, **changes))
        self.play.plane.tokens.refresh()

    def token(self, **changes: Any) -> bytes:
        return token(claims(self.now, **changes))


def perform_trusting(
    folder: Path, scene: Callable[[Trusting], Awaitable[None]], script: Callable[[bytes], Any] | None = None
) -> None:
    (folder / "keys.json").write_bytes(key_set())

    async def trusting(play: Play) -> None:
        await scene(Trusting(play))

    perform(folder, trusting, script, TRUSTING)


def test_a_token_is_answered_and_recorded_as_whom_it_identifies(tmp_path: Path) -> None:
    async def scene(stage: Trusting) -> None:
        answer = await stage.play.say(post(chat("hello"), key=stage.token()))
        assert answer.status == 200
        closed = stage.play.records[-1]
        assert (closed["principal"], closed["credential"]) == ("corp:alice", "corp:token-0001")

    perform_trusting(tmp_path, scene)


def test_a_token_that_is_used_again_is_verified_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = 0
    read = jws.read

    def counted(token: bytes) -> Any:
        nonlocal verified
        verified += 1
        return read(token)

    async def scene(stage: Trusting) -> None:
        presented = stage.token()
        for _ in range(3):
            assert (await stage.play.say(get(b"/v1/models", presented))).status == 200
        stage.play.wire, stage.play.caller = stage.play.connect()
        assert (await stage.play.say(get(b"/v1/models", presented))).status == 200
        assert verified == 1

    monkeypatch.setattr(jws, "read", counted)
    perform_trusting(tmp_path, scene)


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"aud": "other"}, "credential_invalid", "The token is meant for another audience."),
        ({"exp": 1}, "credential_expired", "it has expired"),
        ({"iss": "https://attacker.example"}, "credential_invalid", "not from an issuer that is known here"),
    ],
)
def test_a_refusal_says_which_rule_was_broken(
    tmp_path: Path, changes: dict[str, Any], code: str, sentence: str
) -> None:
    async def scene(stage: Trusting) -> None:
        answer = await stage.play.say(get(b"/v1/models", stage.token(**changes)))
        assert (answer.status, answer.code) == (401, code)
        assert sentence in answer.json["error"]["message"]
        assert stage.play.records[-1]["controls"]["identity"] == "blocked"

    perform_trusting(tmp_path, scene)


def test_a_bulletin_without_a_sign_of_life_identifies_nobody(tmp_path: Path) -> None:
    async def scene(stage: Trusting) -> None:
        presented = stage.token()
        assert (await stage.play.say(get(b"/v1/models", presented))).status == 200
        old = stage.now - stage.play.plane.settings.identity.stale_after - 10
        os.utime(stage.path, (old, old))
        stage.play.plane.tokens.refresh()
        answer = await stage.play.say(get(b"/v1/models", presented))
        assert (answer.status, answer.code) == (503, "identity_stale")

    perform_trusting(tmp_path, scene)


def test_a_stream_ends_when_its_token_is_revoked(tmp_path: Path) -> None:
    async def scene(stage: Trusting) -> None:
        play = stage.play
        answer = await play.say(post(chat("x", stream=True), key=stage.token()))
        assert answer.status == 200
        play.caller.oversee()
        await play.turn()
        assert b"credential_revoked" not in play.wire.written
        publish_revoked(play.directory, "corp:token-0001")
        play.plane.tokens.load()
        play.caller.oversee()
        await play.turn()
        assert b"credential_revoked" in play.wire.written
        assert b"never sent" not in play.wire.written
        assert play.wire.eof

    perform_trusting(tmp_path, scene, lambda _: HALF)


def test_a_stream_ends_when_the_policy_leaves_out_who_vouched_for_its_caller(tmp_path: Path) -> None:
    async def scene(stage: Trusting) -> None:
        play = stage.play
        assert (await play.say(post(chat("x", stream=True), key=stage.token()))).status == 200
        play.plane.tokens.believe(Vouchers(frozenset(), frozenset()))
        play.caller.oversee()
        await play.turn()
        assert b"credential_invalid" in play.wire.written
        assert play.wire.eof

    perform_trusting(tmp_path, scene, lambda _: HALF)


def test_keys_that_cannot_be_decoded_refuse_tokens_after_the_deadline_however_often_they_are_touched(
    tmp_path: Path,
) -> None:
    async def scene(stage: Trusting) -> None:
        plane, presented = stage.play.plane, stage.token()
        assert (await stage.play.say(get(b"/v1/models", presented))).status == 200
        old = stage.now - plane.settings.identity.stale_after - 1
        os.utime(stage.path, (old, old))
        plane.tokens.load()
        stage.path.write_bytes(b"{")
        plane.tokens.load()
        answer = await stage.play.say(get(b"/v1/models", presented))
        assert (answer.status, answer.code) == (503, "identity_stale")

    perform_trusting(tmp_path, scene)


def test_failed_tokens_are_counted_against_their_address(tmp_path: Path) -> None:
    async def scene(stage: Trusting) -> None:
        bad = token(claims(stage.now), key=OTHER_RSA)
        codes = []
        for _ in range(15):
            stage.play.wire, stage.play.caller = stage.play.connect()
            codes.append((await stage.play.say(get(b"/v1/models", bad))).code)
        assert codes[0] == "credential_invalid"
        assert codes[-1] == "signin_backoff"
        stage.play.wire, stage.play.caller = stage.play.connect()
        assert (await stage.play.say(get(b"/v1/models", stage.token()))).status == 200

    perform_trusting(tmp_path, scene)


def test_a_token_needs_no_more_room_than_a_header_gives(tmp_path: Path) -> None:
    async def scene(stage: Trusting) -> None:
        many = stage.token(groups=["research", *(f"group-{number:040}" for number in range(110))])
        assert 6000 < len(many) < 8192
        assert (await stage.play.say(get(b"/v1/models", many))).status == 200

    perform_trusting(tmp_path, scene)
