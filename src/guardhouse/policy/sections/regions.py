"""`regions`: names for where something is, each with the jurisdiction that it is under; and `keep_in`, which uses them.

`keep_in` says where bytes may be. A list is about everything of an exchange, its texts and what is told of it; a
mapping says it of single kinds of bytes. What it means stands in residency/keeping.py.
"""

from collections.abc import Iterable, Iterator

import msgspec

from guardhouse.model.entity import ENTITY_NAMES
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path, quote, unknown
from guardhouse.policy.reading import Key, Kind, ListOf, MapOf, Reading, Schema, Shape, Unread
from guardhouse.policy.source import Listing, Node
from guardhouse.residency.keeping import BARRING, EXCHANGE, KINDS, PARTS, SERVERS, SIGN_INS, Keep, Requirement
from guardhouse.residency.regions import Regions

KeepIn = dict[str, tuple[str, ...]]  # kind of bytes -> words, as they are written

_OWN = "caller:"


class RegionEntry(msgspec.Struct, frozen=True):
    jurisdiction: str


REGION = Shape(RegionEntry, {"jurisdiction": Key(kinds.SECTION_NAME, "The jurisdiction that it is under, such as EU.")})
REGIONS: Kind[dict[str, RegionEntry]] = MapOf(kinds.SECTION_NAME, REGION)

_WORD = kinds.Text(
    r"(caller:[A-Za-z_][A-Za-z0-9_./:-]{0,127}|[A-Za-z_][A-Za-z0-9_-]{0,63})",
    "a region, a jurisdiction, or caller: and the name of an attribute",
)
_WORDS: Kind[tuple[str, ...]] = ListOf(_WORD)


class _KeepIn(MapOf[tuple[str, ...]]):
    """A list of words, or a mapping from kinds of bytes to lists of words."""

    def read(self, node: Node, path: Path, reading: Reading) -> KeepIn | Unread:
        if not isinstance(node, Listing):
            values = super().read(node, path, reading)
            broken = not isinstance(values, Unread) and any(place[: len(path)] == path for place in reading.unread)
            return Unread.UNREAD if broken else values
        words = _WORDS.read(node, path, reading)
        return words if isinstance(words, Unread) else dict.fromkeys(EXCHANGE, words)

    def schema(self) -> Schema:
        whole = super().schema()
        return {**whole, "type": ["object", "array"], "items": _WORD.schema(), "minItems": 1, "uniqueItems": True}


KEEP_IN: Kind[KeepIn] = _KeepIn(kinds.Choice("kind of bytes", {kind: kind for kind in KINDS}), _WORDS)


def keep_of(written: KeepIn | None, by: str, regions: Regions) -> Keep:
    return tuple(
        Requirement(
            of=kind,
            within=regions.meant_by(words),
            own=tuple(word.removeprefix(_OWN) for word in words if word.startswith(_OWN)),
            by=by,
        )
        for kind, words in (written or {}).items()
    )


def barring_words(written: KeepIn) -> tuple[str, ...]:
    """The regions and jurisdictions that a route could name for the same."""
    return next((written[kind] for kind in KINDS if kind in BARRING and kind in written), ())


def label_findings(region: str | None, regions: Regions, *, declared: bool) -> Iterator[str]:
    """What is wrong with a label on something. Without `regions`, any word is a region of that name."""
    if region is not None and declared and region not in regions.names:
        yield unknown("region", region, regions.names)


def keep_findings(written: KeepIn | None, regions: Regions, *, everything: bool) -> Iterator[tuple[Path, str]]:
    """What is wrong with a `keep_in`, at its place; `everything`: it is the one that stands for all."""
    known = True
    for kind, words in (written or {}).items():
        place: Path = (kind,)
        if kind == SIGN_INS and not everything:
            yield place, "is said under residency only: to sign in is no use of a model"
        for word in words:
            if not word.startswith(_OWN) and not regions.meaning(word):
                known = False
                yield place, unknown("region or jurisdiction", word, regions.words)
            elif word.startswith(_OWN) and kind == SIGN_INS:
                yield place, "is about people that have not signed in yet; they have no attributes"
    if known:
        yield from (((kind,), message) for kind, message in _doubled(written or {}, regions))


def _doubled(written: KeepIn, regions: Regions) -> Iterator[tuple[str, str]]:
    """Kinds that say nothing beside another of the same rule."""
    for kind in [name for name in written if name in PARTS or name == SERVERS]:
        for wide in ("content", *(["all"] if kind in ENTITY_NAMES and kind != "all" else ())):
            if wide in written and _says_as_much(written[wide], written[kind], regions):
                yield kind, f"adds nothing to {quote(wide)}, which lets it be nowhere else anyway"
                break


def _says_as_much(narrow: Iterable[str], wide: Iterable[str], regions: Regions) -> bool:
    own = {word for word in narrow if word.startswith(_OWN)}
    return own <= set(wide) and regions.meant_by(narrow) <= regions.meant_by(wide)


def jurisdiction_findings(declared: dict[str, RegionEntry]) -> Iterator[tuple[Path, str]]:
    for name, entry in declared.items():
        if entry.jurisdiction in declared and (entry.jurisdiction != name):
            yield (
                (name, "jurisdiction"),
                f"{quote(entry.jurisdiction)} is the name of a region as well; a rule could mean either",
            )
