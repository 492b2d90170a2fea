"""`models.X.aliases` and `models.X.pin`: the names by which a model is asked for, and the one it has to answer by.

Three names belong to an exchange: the one that was asked for, the one that was sent to the model server, and the one
that its answer gives. Aliases lead from the first to the model; a pin says which the third may be. A model with a
version is also asked for as name@version, so that whoever needs that version gets it or is refused.
"""

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from guardhouse.policy import kinds
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.reading import Key, Kind, ListOf, Shape


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    answers: tuple[str, ...] = ()  # patterns; none: exactly what the targets are asked for
    drift: Literal["tell", "refuse"] = "tell"


class Named(Protocol):
    @property
    def aliases(self) -> Sequence[str]: ...
    @property
    def version(self) -> str | None: ...


ALIASES: Kind[tuple[str, ...]] = ListOf(kinds.MODEL_NAME)
PIN: Kind[Pin] = Shape(
    Pin,
    {
        "answers": Key(
            ListOf(
                kinds.Text(
                    r"[A-Za-z0-9._:/@+*?-]{1,192}", "a name or pattern; use letters, digits and . _ : / @ + -, * and ?"
                )
            ),
            "What the model server may call the model in its answers; without this key, what it was asked for.",
        ),
        "drift": Key(
            kinds.Choice("word", {"tell": "tell", "refuse": "refuse"}),
            "What becomes of an answer by another name: an event tells of it, or the answer is refused as well.",
        ),
    },
)


class Pinned:
    """What a model server may call a model."""

    __slots__ = ("_matches", "names", "refuse")

    def __init__(self, pin: Pin, upstream_name: str) -> None:
        self.names = pin.answers or (upstream_name,)
        self.refuse = pin.drift == "refuse"
        literal = not pin.answers
        patterns = [re.escape(name) if literal else fnmatch.translate(name) for name in self.names]
        self._matches = re.compile("|".join(f"(?:{pattern})" for pattern in patterns)).fullmatch

    def __repr__(self) -> str:
        return f"<Pinned to {' '.join(self.names)}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pinned) and (self.names, self.refuse) == (other.names, other.refuse)

    def __hash__(self) -> int:
        return hash((self.names, self.refuse))

    def admits(self, answered: str) -> bool:
        return self._matches(answered) is not None


def aliases_of(models: Mapping[str, Named]) -> dict[str, str]:
    """Every other name that leads to a model."""
    found = {alias: name for name, entry in models.items() for alias in entry.aliases}
    for name, entry in models.items():
        if entry.version and f"{name}@{entry.version}" not in models:
            found.setdefault(f"{name}@{entry.version}", name)
    return found


def findings(models: Mapping[str, Named]) -> Iterator[tuple[Path, str]]:
    times = Counter(alias for entry in models.values() for alias in entry.aliases)
    versions = {f"{name}@{entry.version}": name for name, entry in models.items() if entry.version}
    for name, entry in models.items():
        for number, alias in enumerate(entry.aliases):
            place: Path = ("models", name, "aliases", number)
            if alias in models:
                yield place, f"{quote(alias)} is the name of a model"
            elif times[alias] > 1:
                yield place, f"{quote(alias)} is an alias of several models"
            elif alias in versions:
                yield place, f"{quote(alias)} leads to a model by its version already"
