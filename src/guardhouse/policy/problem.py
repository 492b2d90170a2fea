"""What is wrong with a configuration, and where: one line a person can act on.

A problem names the file, the line, the place in the document as a dotted path, and says what is wrong in one sentence.
It never repeats a value that could be a secret; see kinds.py for which values may be quoted.
"""

import difflib
import re
from collections.abc import Collection

import msgspec

Path = tuple[str | int, ...]  # keys and indices from the top of the document

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_QUOTED = 48  # characters of a value that a message repeats at most
_FEW = 16  # known words that a message lists at most


class Problem(msgspec.Struct, frozen=True):
    file: str  # empty when a document is judged that stands in no file
    line: int  # from 1; 0 when the file as a whole is meant
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)


Problems = tuple[Problem, ...]


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
    near = difflib.get_close_matches(word[:_QUOTED], known, n=1)
    if near:
        return f"unknown {what} {quote(word)}; did you mean {quote(near[0])}?"
    few = 0 < len(known) <= _FEW
    return f"unknown {what} {quote(word)}" + (f"; known: {', '.join(sorted(known))}" if few else "")
