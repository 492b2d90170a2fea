"""What is judged by the place where it stands in a request is judged by the same place in a line of a file."""

from pathlib import Path
from typing import Any

import pytest
from batching import config, form, line, lines_of, play_batches, upload, uploading
from playbook import Play, post

from integration.batch_server import Shelf

TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"user": "x' or 1=1 --"}, "injection_found"),
        ({"metadata": {"tenant": "../../etc/passwd"}}, "injection_found"),
        ({"messages": [{"role": "user", "name": "x' or 1=1 --", "content": "hi"}]}, "injection_found"),
        ({"metadata": {"source_url": "http://10.0.0.1/"}}, ""),
        ({"tools": [TOOL | {"function": {"name": "f", "parameters": {"a": {"url": "http://10.0.0.1/"}}}}]}, ""),
        ({"document_url": "http://10.0.0.1/"}, "url_refused"),
        ({"user": "bob"}, ""),
    ],
)
def test_what_is_looked_for_in_a_request_is_looked_for_at_the_same_places_in_a_line(
    tmp_path: Path, fields: dict[str, Any], code: str
) -> None:
    wrong = line("hi", 2, **fields)

    async def scene(play: Play) -> None:
        direct = await play.say(post(wrong["body"]))
        assert (direct.json["error"].get("code") if direct.status != 404 else "") == (code or "")
        play.wire, play.caller = play.connect()
        answer = await play.say(uploading(form(lines_of(line("hi"), wrong))))
        assert (answer.code if answer.status != 200 else "") == code
        if code:
            assert answer.json["error"]["param"].startswith("document[1].")

    play_batches(tmp_path, scene, Shelf(), config("mask: {entities: []}\n    injection: block"))


def test_injections_are_counted_over_all_lines(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await upload(play, line("a", 1, user="x' or 1=1 --"), line("b", 2, user="x' or 1=1 --"), line("c", 3))
        assert play.records[-1]["injections"] == {"sql": 2}

    play_batches(tmp_path, scene, Shelf(), config("mask: {entities: []}\n    injection: flag"))
