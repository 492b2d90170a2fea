"""A body that is too large by its stated length: the head is judged like any other, and then it is refused."""

from pathlib import Path

import pytest
from playbook import Play, perform, post

from guardhouse.model.denial import Denial
from guardhouse.model.dialect import DialectName
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.table import DIALECTS

SMALL_BODIES = """
listen: {limits: {body: 4KiB}}
targets:
  local: {kind: openai, url: "http://127.0.0.1:9", speaks: [openai, anthropic, ollama, kserve, generic]}
models:
  small: {targets: [local]}
routes: {/score: {operation: predict, model: small}}
policies:
  - {name: research, who: {groups: [research]}, may: [infer, models.read], models: [small]}
"""


@pytest.mark.parametrize("length", [4097, 99_999_999_999])
@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        (b"/v1/chat/completions", "openai"),
        (b"/v1/messages", "anthropic"),
        (b"/api/chat", "ollama"),
        (b"/v2/models/small/infer", "kserve"),
        (b"/score", "generic"),
        (b"/v2/nowhere", "kserve"),
        (b"/nowhere", "openai"),
    ],
)
def test_a_body_that_is_said_to_be_too_large_is_refused_in_the_words_of_the_route(
    tmp_path: Path, path: bytes, dialect: DialectName, length: int
) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(b"", path=path).replace(b"content-length: 0", b"content-length: %d" % length))
        reason = Reason.ROUTE_UNKNOWN if b"nowhere" in path else Reason.BODY_TOO_LARGE
        assert (answer.status, answer.body) == (reason.status, DIALECTS[dialect].error(Denial(reason)))
        assert answer.headers[b"connection"] == b"close"
        assert play.wire.eof
        (closed,) = play.records
        assert closed["reason"] == reason.code
        if reason is Reason.BODY_TOO_LARGE:
            assert closed["principal"] == "alice"
            assert closed["controls"]["identity"] == "passed"
        assert (await play.say(b"x" * 4097)).raw == b""

    perform(tmp_path, scene, config=SMALL_BODIES)


def test_a_stranger_with_too_large_a_body_is_a_stranger_first(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        said = post(b"", key=None, extra=b"expect: 100-continue\r\n")
        answer = await play.say(said.replace(b"content-length: 0", b"content-length: 5000"))
        assert (answer.status, answer.code) == (401, "credential_missing")
        (closed,) = play.records
        assert (closed["reason"], closed["controls"]["identity"]) == ("credential_missing", "blocked")

    perform(tmp_path, scene, config=SMALL_BODIES)
