"""How the demonstration is told: numbered scenes, and one labelled line per fact.

`Terminal` is for people. Colours are left out where the output is not a terminal or NO_COLOR is set, so that a captured
run reads the same. `Lines` is for machines: one JSON object per fact.
"""

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, Protocol

WIDTH = 112
LABEL = 11  # columns of a label, with the space after it
INDENT = "    "

_COLOURS = {"green": "32", "yellow": "33", "red": "31", "cyan": "36", "bold": "1", "dim": "2"}
_VERDICTS = {
    "ALLOWED": "green",
    "MASKED": "yellow",
    "BLOCKED": "red",
    "RECORDED": "cyan",
    "PROVEN": "green",
    "FORGED": "red",
}


class Screen(Protocol):
    def title(self, text: str) -> None: ...
    def scene(self, text: str) -> None: ...
    def says(self, label: str, text: str) -> None: ...
    def verbatim(self, lines: Sequence[str]) -> None: ...
    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None: ...
    def failure(self, text: str) -> None: ...


class Terminal:
    __slots__ = ("_colourful", "_scene")

    def __init__(self) -> None:
        self._colourful = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._scene = 0

    def title(self, text: str) -> None:
        self._line(f"\n{self._paint('bold', text)}")

    def scene(self, text: str) -> None:
        self._scene += 1
        self._line(f"\n{self._paint('bold', f'{self._scene:2}  {text}')}")

    def says(self, label: str, text: str) -> None:
        """A word that says what kind of fact it is, and the fact, folded under itself."""
        folded = textwrap.wrap(text, WIDTH - LABEL - len(INDENT), break_long_words=False, break_on_hyphens=False)
        first, *more = folded or [""]
        self._line(f"{INDENT}{self._paint(_VERDICTS.get(label, 'dim'), label.ljust(LABEL))}{first}")
        for line in more:
            self._line(f"{INDENT}{' ' * LABEL}{line}")

    def verbatim(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._line(f"{INDENT}{line}")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
        padded = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *rows)]
        self._line(f"{INDENT}{self._paint('dim', padded[0])}")
        self.verbatim(padded[1:])

    def failure(self, text: str) -> None:
        self._line(f"\n{self._paint('red', 'The demonstration failed:')} {text}")

    def _line(self, text: str) -> None:
        print(text, flush=True)

    def _paint(self, colour: str, text: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colourful else text


class Lines:
    """Each fact with the scene it belongs to."""

    __slots__ = ("_scene",)

    def __init__(self) -> None:
        self._scene = ""

    def title(self, text: str) -> None:
        self._line(title=text)

    def scene(self, text: str) -> None:
        self._scene = text

    def says(self, label: str, text: str) -> None:
        self._line(scene=self._scene, label=label, text=text)

    def verbatim(self, lines: Sequence[str]) -> None:
        self._line(scene=self._scene, lines=list(lines))

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._line(scene=self._scene, rows=[dict(zip(heads, row, strict=True)) for row in rows])

    def failure(self, text: str) -> None:
        self._line(scene=self._scene, failure=text)

    def _line(self, **members: Any) -> None:
        print(json.dumps(members, ensure_ascii=False), flush=True)
