from pathlib import Path

import pytest
from playbook import CONFIG, Play, chat, perform, post

ALLOW = CONFIG.replace("version: 1\n", "version: 1\nlisten: {headers: {allow: [x-team]}}\n")
REFUSE = CONFIG.replace("version: 1\n", "version: 1\nlisten: {headers: {refuse: [x-forwarded-host]}}\n")


@pytest.mark.parametrize(
    ("config", "extra", "status"),
    [
        (CONFIG, b"x-anything: 1\r\n", 200),
        (ALLOW, b"", 200),
        (ALLOW, b"X-Team: a\r\nuser-agent: b\r\nAccept: */*\r\n", 200),
        (ALLOW, b"x-other: 1\r\n", 400),
        (ALLOW, b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", 400),
        (REFUSE, b"x-other: 1\r\n", 200),
        (REFUSE, b"X-Forwarded-Host: evil\r\n", 400),
    ],
)
def test_a_request_has_the_headers_that_are_taken_and_no_others(
    tmp_path: Path, config: str, extra: bytes, status: int
) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hi"), extra=extra))
        assert answer.status == status
        if status == 400:
            assert answer.code == "header_refused"
            assert play.server.requests == []

    perform(tmp_path, scene, config=config)


def test_a_header_that_comes_later_on_the_connection_is_judged_as_well(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("hi")))).status == 200
        assert (await play.say(post(chat("hi"), extra=b"x-forwarded-host: evil\r\n"))).status == 400
        assert len(play.server.requests) == 1

    perform(tmp_path, scene, config=REFUSE)
