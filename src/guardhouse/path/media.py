"""What the record says of images, recordings and files that go on without anybody having looked into them.

Asked only where a request has such parts and no policy masks requests, or an answer has some. Told are the kind, the
place, the type as it was declared and as the first bytes show it, and the size; of what is to be fetched, by which
entry of the model's `hosts` it may be. No word of it is the caller's or the model server's own: types that are not
known are `other`, places have no names that a caller chose, and URLs, names of files and their ids are not told.
"""

from typing import Final, Literal

from guardhouse.audit.record import Media
from guardhouse.inspect.references import entry_for
from guardhouse.inspect.sniffing import fits, is_base64, size_of, sniff, told
from guardhouse.model.media import Part
from guardhouse.path.exchange import Exchange

MOST_TOLD: Final = 16  # on a record; all of them are counted


def note(exchange: Exchange, parts: list[Part]) -> None:
    hosts = () if exchange.model is None else exchange.model.rules.content.hosts
    exchange.media = tuple([describe(part, hosts) for part in parts[:MOST_TOLD]])
    exchange.media_kinds = count(parts)


def count(parts: list[Part]) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for part in parts:
        kinds[part.kind] = kinds.get(part.kind, 0) + 1
    return kinds


def describe(part: Part, hosts: tuple[str, ...], direction: Literal["request", "response"] = "request") -> Media:
    value, declared = part.value, declared_of(part)
    if is_stored(part):
        return Media(direction=direction, kind=part.kind, place=part.place, declared=told(declared), brought="stored")
    if isinstance(value, str) and is_elsewhere(part):
        return Media(
            direction=direction,
            kind=part.kind,
            place=part.place,
            declared=told(declared),
            brought="fetched",
            host=entry_for(value, hosts),
        )
    found = sniff(value)
    return Media(
        direction=direction,
        kind=part.kind,
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


def is_taken(media: str, taken: tuple[str, ...]) -> bool:
    """Whether a media type is on a list, by its name or its family."""
    return media in taken or f"{media.partition('/')[0]}/*" in taken
