"""What is wrong with a configuration, and where: one line a person can act on.

A problem names the file, the line, the place in the document as a dotted path, and says what is wrong in one sentence.
It never repeats a value that could be a secret; see kinds.py for which values may be quoted.

A file that is wrong from end to end has tens of thousands of them, and nobody reads those. The first `MOST_TOLD` are
told and the rest counted, without the work that their sentences would be.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from itertools import islice

import msgspec

Path = tuple[str | int, ...]  # keys and indices from the top of the document

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_QUOTED = 48  # characters of a value that a message repeats at most
_FEW = 16  # known words that a message lists at most
_COMPARED = 300  # known words that one is compared with at most, to find the one that was meant
MOST_TOLD = 100


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    file: str  # empty when a document is judged that stands in no file
    line: int  # from 1; 0 when the file as a whole is meant
    path: str
    message: str
    count: int = 1  # how many it stands for

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)


Problems = tuple[Problem, ...]


class Told:
    """The first problems of a file in the order in which they are found, and how many more there were."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.more = 0
        self._file = file

    @property
    def full(self) -> bool:
        return len(self.problems) >= MOST_TOLD

    def tell(self, line: int, path: Path, message: str) -> None:
        if self.full:
            self.more += 1
        else:
            self.problems.append(Problem(self._file, line, dotted(path), message))


def bounded(file: str, problems: Iterable[Problem], more: int = 0, *, at_least: bool = False) -> Problems:
    """The first of them by their lines, and how many were left out. `at_least`: not everything was looked for."""
    listed = sorted(problems, key=lambda problem: problem.line)
    more += max(0, len(listed) - MOST_TOLD)
    rest = f"and {more} more{', at least' if at_least else ''}"
    return (*listed[:MOST_TOLD], *([Problem(file, 0, "", rest, more)] if more else []))


def dotted(path: Path) -> str:
    """`policies[0].who.ids`; a key that is no plain word is quoted: `models["llama-3.1"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{quote(step)}]"
    return text


def quote(value: str) -> str:
    """A value as a message may show it: on one line, printable, shortened."""
    shown = value if len(value) <= _QUOTED else value[:_QUOTED] + "…"
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shown)
    return '"' + shown.replace('"', '\\"') + '"'


def unknown(what: str, word: str, known: Collection[str]) -> str:
    """That `word` is none of the known ones, with the nearest of them; with all if none is near and they are few."""
    near = difflib.get_close_matches(word[:_QUOTED], _comparable(word, known), n=1)
    if near:
        return f"unknown {what} {quote(word)}; did you mean {quote(near[0])}?"
    few = 0 < len(known) <= _FEW
    return f"unknown {what} {quote(word)}" + (f"; known: {', '.join(sorted(known))}" if few else "")


def _comparable(word: str, known: Collection[str]) -> Collection[str]:
    """All of them, or of many some that begin or end alike."""
    if len(known) <= _COMPARED:
        return known
    alike = (other for other in known if other[:1] == word[:1] or other[-1:] == word[-1:])
    return list(islice(alike, _COMPARED))
