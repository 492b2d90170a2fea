import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from playbook import CONFIG, Play, chat, get, perform, post

from guardhouse.identity.replays import Replays

SECRET = b"s" * 32
FIELDS = """
signatures:
  authorities: [gateway]
  scheme: http
  keys: {mine: {algorithm: hmac-sha256, secret: "${file:secret}", of: [alice]}}
"""
REQUIRED = CONFIG.replace("\npolicies:", FIELDS + "policies:").replace(
    "  - name: research\n", "  - name: research\n    require: [signature]\n"
)


def sign(document: Any, nonce: str = "n1", created: float | None = None, secret: bytes = SECRET) -> bytes:
    body = msgspec.json.encode(document)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    at = int(time.time() if created is None else created)
    params = f'("@method" "@target-uri" "@authority" "content-digest");created={at};keyid="mine";nonce="{nonce}"'
    base = (
        '"@method": POST\n"@target-uri": http://gateway/v1/chat/completions\n"@authority": gateway\n'
        f'"content-digest": sha-256=:{digest}:\n"@signature-params": {params}'
    )
    signature = base64.b64encode(hmac.digest(secret, base.encode(), "sha256")).decode()
    extra = f"content-digest: sha-256=:{digest}:\r\nsignature-input: s={params}\r\nsignature: s=:{signature}:\r\n"
    return post(body, extra=extra.encode())


def play(tmp_path: Path, scene: Callable[[Play], Any], config: str = REQUIRED) -> None:
    (tmp_path / "guardhouse-state").mkdir()
    Replays(tmp_path / "guardhouse-state" / "nonces").begin(time.time() - 60)
    (tmp_path / "secret").write_text(base64.b64encode(SECRET).decode() + "\n")
    perform(tmp_path, scene, config=config)


def test_a_policy_that_requires_signatures_takes_nothing_without_one(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hi")))
        assert (answer.status, answer.code) == (403, "signature_required")
        listed = await play.say(get(b"/v1/models"))
        assert listed.code == "signature_required"
        assert play.server.requests == []

    play(tmp_path, scene)


def test_a_signed_request_is_served_once_and_the_record_names_the_key(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        request = sign(chat("hi"))
        assert (await play.say(request)).status == 200
        again = await play.say(request)
        assert (again.status, again.code) == (401, "signature_replayed")
        assert (await play.say(sign(chat("hi"), "n2"))).status == 200
        assert [record.get("signed_by") for record in play.records if record["kind"] == "closed"] == [
            "mine",
            None,
            "mine",
        ]
        assert len(play.server.requests) == 2

    play(tmp_path, scene)


def test_a_signature_that_does_not_hold_is_refused_even_where_none_is_asked(tmp_path: Path) -> None:
    config = REQUIRED.replace("    require: [signature]\n", "").replace(
        "  - name: others\n", "  - name: others\n    require: [signature]\n"
    )

    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("hi")))).status == 200
        answer = await play.say(sign(chat("hi"), secret=b"x" * 32))
        assert (answer.status, answer.code) == (401, "signature_invalid")
        old = await play.say(sign(chat("hi"), created=time.time() - 600))
        assert old.code == "signature_invalid"
        assert len(play.server.requests) == 1

    play(tmp_path, scene, config)


def test_another_caller_cannot_use_the_key(tmp_path: Path) -> None:
    config = REQUIRED.replace("of: [alice]", "of: [carol]")

    async def scene(play: Play) -> None:
        assert (await play.say(sign(chat("hi")))).code == "signature_invalid"

    play(tmp_path, scene, config)


def test_a_body_that_was_changed_on_the_way_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        request = sign(chat("hi")).replace(b'"hi"', b'"ho"')
        assert (await play.say(request)).code == "signature_invalid"

    play(tmp_path, scene)


def test_without_keys_nobody_looks_at_signatures(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(sign(chat("hi"), secret=b"x" * 32))
        assert answer.status == 200
        assert repr(play.plane.replays).endswith("guardhouse-state/nonces>")

    play(tmp_path, scene, CONFIG)
