"""PEM private keys: the one entity that is longer than a line.

A block begins with a complete marker and goes on to its END marker; without one it goes on to the end of the text, for
a key that was cut off is a key. Since nothing after the BEGIN marker can change that, a stream puts the placeholder
where the marker was completed and swallows what follows, keeping only enough to recognise the END marker.

`KeyBlocks.push` returns what may leave and keeps an undecided tail (the start of a marker, 100 characters at most);
`flush` says that nothing can be joined to that tail any more. Whole texts go through the same object: there is one
definition of a block.
"""

import re
from collections.abc import Callable

PLACEHOLDER = "[PRIVATE_KEY]"

_KIND = r" (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_BEGIN = re.compile("-----BEGIN" + _KIND)
_END = re.compile("-----END" + _KIND)
_UNDECIDED = re.compile(r"-----(?:B|BE|BEG|BEGI|BEGIN(?: [A-Z0-9 ]{0,70}-{0,4})?)?\Z|-{1,5}\Z")
_LONGEST_MARKER = 96


class KeyBlocks:
    __slots__ = ("_found", "_tail", "inside")

    def __init__(self, found: Callable[[], None]) -> None:
        self.inside = False
        self._tail = ""
        self._found = found

    @property
    def calm(self) -> bool:
        """Whether text without a dash would pass as it is."""
        return not self.inside and not self._tail

    def push(self, text: str) -> str:
        if self._tail:
            text = self._tail + text
            self._tail = ""
        elif not self.inside and "-" not in text:
            return text
        out: list[str] = []
        position = 0
        while True:
            match = (_END if self.inside else _BEGIN).search(text, position)
            if match is None:
                break
            if not self.inside:
                out.append(text[position : match.start()])
                out.append(PLACEHOLDER)
                self._found()
            self.inside = not self.inside
            position = match.end()
        out.append(self._rest(text, position))
        return "".join(out)

    def _rest(self, text: str, position: int) -> str:
        if self.inside:
            self._tail = text[max(position, len(text) - _LONGEST_MARKER) :]
            return ""
        undecided = _UNDECIDED.search(text, max(position, len(text) - _LONGEST_MARKER))
        if undecided is None:
            return text[position:]
        self._tail = text[undecided.start() :]
        return text[position : undecided.start()]

    def flush(self) -> str:
        """What was undecided, now that it cannot be continued. Inside a block nothing leaves."""
        tail, self._tail = self._tail, ""
        return "" if self.inside else tail

    def leave(self) -> None:
        """The surroundings of the block have ended (the string that held it)."""
        self.inside = False
        self._tail = ""
