"""What the record says of images, recordings and files that go on without anybody having looked into them.

Asked only where a request has such parts and no policy masks requests, or an answer has some. Told are the kind, the
place, the type as it was declared and as the first bytes show it, and the size; of what is to be fetched, by which
entry of the model's `hosts` it may be. No word of it is the caller's or the model server's own: types that are not
known are `other`, places have no names that a caller chose, and URLs, names of files and their ids are not told.
"""

from collections.abc import Sequence
from typing import Final, Literal

from guardhouse.audit.record import Media
from guardhouse.inspect.references import entry_for
from guardhouse.inspect.sniffing import fits, is_base64, size_of, sniff, told
from guardhouse.model.media import MediaKind, Part, Parts
from guardhouse.path.exchange import Exchange

Direction = Literal["request", "response"]
FAMILIES: Final[dict[str, MediaKind]] = {"audio": "audio", "image": "image", "video": "video"}
_DOCUMENTS: Final = frozenset(
    ("application/pdf", "application/postscript", "application/rtf", "application/x-ole-storage")
)
MOST_TOLD: Final = 16  # on a record; all of them are counted


def note(exchange: Exchange, parts: Sequence[Part | Parts]) -> None:
    noted: list[Media] = []
    kinds: dict[str, int] = {}
    note_each(parts, () if exchange.model is None else exchange.model.rules.content.hosts, "request", noted, kinds)
    exchange.media, exchange.media_kinds = tuple(noted), kinds


def note_each(
    parts: Sequence[Part | Parts],
    hosts: tuple[str, ...],
    direction: Direction,
    noted: list[Media],
    kinds: dict[str, int],
) -> None:
    """Add the first to what is noted, and all of them to what is counted."""
    for part in parts:
        if isinstance(part, Part):
            kind = part.kind or kind_of(sniff(part.value))
            kinds[kind] = kinds.get(kind, 0) + 1
            if len(noted) < MOST_TOLD:
                noted.append(describe(part, hosts, direction))
            continue
        first = range(min(len(part.values), MOST_TOLD - len(noted)))
        noted += [describe(part.at(position), hosts, direction) for position in first]
        if part.kind:
            kinds[part.kind] = kinds.get(part.kind, 0) + len(part.values)
            continue
        for value in part.values:
            kind = kind_of(sniff(value))
            kinds[kind] = kinds.get(kind, 0) + 1


def kind_of(found: str) -> MediaKind:
    """What bytes are that show this type."""
    if not found:
        return "file"
    return FAMILIES.get(found.partition("/")[0]) or ("document" if found in _DOCUMENTS else "file")


def describe(part: Part, hosts: tuple[str, ...], direction: Direction = "request") -> Media:
    value, declared = part.value, declared_of(part)
    kind = part.kind or kind_of(sniff(value))
    if is_stored(part):
        return Media(direction=direction, kind=kind, place=part.place, declared=told(declared), brought="stored")
    if isinstance(value, str) and is_elsewhere(part):
        return Media(
            direction=direction,
            kind=kind,
            place=part.place,
            declared=told(declared),
            brought="fetched",
            host=entry_for(value, hosts),
        )
    found = sniff(value)
    return Media(
        direction=direction,
        kind=kind,
        place=part.place,
        declared=told(declared),
        sniffed=found,
        mislabelled=bool(declared) and not fits(declared, found),
        malformed=is_malformed(part),
        bytes=bytes_of(part),
        brought="inline",
    )


def is_stored(part: Part) -> bool:
    return not part.value and part.size < 0


def is_elsewhere(part: Part) -> bool:
    """Whether it is a URL that somebody will have to follow."""
    value = part.value
    return isinstance(value, str) and value[:5].lower() != "data:" and "://" in value[:16]


def is_malformed(part: Part) -> bool:
    return isinstance(part.value, str) and bool(part.value) and not is_base64(part.value)


def bytes_of(part: Part) -> int:
    if part.size >= 0:
        return part.size
    return size_of(part.value) if isinstance(part.value, str) else len(part.value)


def declared_of(part: Part) -> str:
    """As the URL says it, or else what stands beside it."""
    value = part.value
    if isinstance(value, str) and value[:5].lower() == "data:":
        return value[5:133].partition(",")[0].partition(";")[0].lower()
    return part.declared.lower()


def may_be_taken(declared: str, taken: tuple[str, ...]) -> bool:
    """The same of what is declared, which may be a family of which only some are on the list."""
    family = declared[:-1] if declared.endswith("/*") else ""
    return is_taken(declared, taken) or (bool(family) and any(name.startswith(family) for name in taken))


def is_taken(media: str, taken: tuple[str, ...]) -> bool:
    """Whether a media type is on a list, by its name or its family."""
    return media in taken or f"{media.partition('/')[0]}/*" in taken
