"""What an answer says of itself, and that docs/operations.md lists all of it."""

import re
from pathlib import Path

import pytest
from playbook import BOB, Play, chat, perform, post

from guardhouse.path.render import render_chunk

FRAMING = {"content-type", "content-length", "transfer-encoding", "connection"}
OPERATIONS = Path(__file__).parent.parent.parent / "docs" / "operations.md"


def listed() -> set[str]:
    table = OPERATIONS.read_text().partition("\n## Headers of an answer\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_the_headers_of_answers_are_those_that_the_page_for_operators_lists(tmp_path: Path) -> None:
    seen: set[str] = set()

    async def scene(play: Play) -> None:
        limited = [post(chat("hello", model="secret-model"), key=BOB)] * 3
        for request in (post(chat("hello")), *limited):
            answer = await play.say(request)
            seen.update(name.decode() for name in answer.headers)
        assert "retry-after" in seen

    perform(tmp_path, scene)
    assert listed() == seen - FRAMING


@pytest.mark.parametrize("size", [1, 15, 16, 255, 2047, 2048, 4097, 70_000])
def test_a_chunk_tells_its_size_in_hexadecimal_digits(size: int) -> None:
    head, _, rest = render_chunk(b"x" * size).partition(b"\r\n")
    assert int(head, 16) == size
    assert rest == b"x" * size + b"\r\n"
