"""A head that a connection has said before, known again by its bytes.

Who keeps a connection open repeats its heads, all but the digits of Content-Length. Such a head has the reading of the
one that it repeats, so the framings keep the last judged one as the bytes around those digits. A message that matches
them and lies whole and alone in what arrived is taken without asking the parser; whatever differs in one byte, comes in
pieces or has company goes the long way. Both ways have to end in the same reading: a test holds them side by side.
"""

import re
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)
_MOST_DIGITS: Final = 9
_END_OF_HEAD: Final = b"\r\n\r\n"


class Repetition:
    """Everything before the digits of a Content-Length, and everything after, up to the end of the head."""

    __slots__ = ("_after", "_after_length", "_before", "_start")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after
        self._start = len(before)
        self._after_length = len(after)

    def body_of(self, data: bytes) -> int:
        """Where the body begins in `data`, if that is this head again and one whole body behind it; else -1."""
        start = self._start
        if not data.startswith(self._before):
            return -1
        end = data.find(b"\r", start, start + _MOST_DIGITS + 1)
        if end <= start or not data.startswith(self._after, end):
            return -1
        digits = data[start:end]
        begin = end + self._after_length
        return begin if digits.isdigit() and int(digits) == len(data) - begin else -1


def repetition_of(message: bytes, begin: int) -> Repetition | None:
    """What the head of a whole message can be known by; its body begins at `begin`. None if it states no length in the
    usual way, or one in so many digits that it is not looked for."""
    found = _LENGTH.search(message, 0, begin - 2)
    return None if found is None else Repetition(message[: found.start(1)], message[found.end(1) : begin])


def end_of_head(data: bytes) -> int:
    """Where the body begins in a message whose head is whole."""
    return data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
