"""How an answer is read follows from its status and its own content type, whatever was asked for."""

from pathlib import Path

import pytest
from playbook import Play, chat, completion, perform, post, reply

EVENTS = b"text/event-stream"


@pytest.mark.parametrize("status", [b"204 No Content", b"205 Reset Content"])
@pytest.mark.parametrize("asked", [True, False], ids=["stream", "whole"])
def test_an_answer_without_a_body_is_no_stream_whatever_it_calls_itself(
    tmp_path: Path, status: bytes, asked: bool
) -> None:
    """A chunked head here would leave its chunks to the caller's next answer."""

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=asked)))
        assert answer.status == int(status[:3])
        assert b"transfer-encoding" not in answer.headers
        assert answer.headers[b"content-length"] == b"0"
        assert answer.body == b""
        assert (play.records[-1]["outcome"], play.records[-1]["status"]) == ("completed", int(status[:3]))
        play.server.script = lambda _: [reply(completion("next"))]
        following = await play.say(post(chat("y")))
        assert following.raw.startswith(b"HTTP/1.1 200 ")
        assert following.json == completion("next")

    perform(tmp_path, scene, lambda _: [reply(b"", status=status, content_type=EVENTS)])


def test_an_answer_from_nobodys_cache_is_a_redirect_that_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=True)))
        assert (answer.status, answer.code) == (502, "redirect_refused")
        assert b"transfer-encoding" not in answer.headers

    perform(tmp_path, scene, lambda _: [reply(b"", status=b"304 Not Modified", content_type=EVENTS)])


def test_an_error_that_calls_itself_a_stream_is_masked_as_text(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=True)))
        assert answer.status == 503
        assert b"transfer-encoding" not in answer.headers
        assert answer.body == b"data: ask [EMAIL]\n\n"

    script = [reply(b"data: ask ann@example.com\n\n", status=b"503 Service Unavailable", content_type=EVENTS)]
    perform(tmp_path, scene, lambda _: script)
