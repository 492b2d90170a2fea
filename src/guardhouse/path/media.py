"""What the record says of images, recordings and files that go on without anybody having looked into them.

Asked only where a request has such parts and no policy masks requests. Told are the kind, the place, the type as it
was declared and as the first bytes show it, and the size; of what is to be fetched, by which entry of the model's
`hosts` it may be. No word of it is the caller's own: types that are not known are `other`, places have no names that a
caller chose, and URLs, names of files and their ids are not told.
"""

from guardhouse.audit.record import Media
from guardhouse.inspect.references import entry_for
from guardhouse.inspect.sniffing import fits, size_of, sniff, told
from guardhouse.model.media import Part
from guardhouse.path.exchange import Exchange

_MOST = 16  # on a record; all of them are counted


def note(exchange: Exchange, parts: list[Part]) -> None:
    hosts = () if exchange.model is None else exchange.model.rules.content.hosts
    exchange.media = tuple([describe(part, hosts) for part in parts[:_MOST]])
    kinds: dict[str, int] = {}
    for part in parts:
        kinds[part.kind] = kinds.get(part.kind, 0) + 1
    exchange.media_kinds = kinds


def describe(part: Part, hosts: tuple[str, ...]) -> Media:
    value = part.value
    if not value:
        return Media(kind=part.kind, place=part.place, declared=told(part.declared.lower()), brought="stored")
    if value[:5].lower() != "data:" and "://" in value[:16]:
        host = entry_for(value, hosts)
        return Media(
            kind=part.kind, place=part.place, declared=told(part.declared.lower()), brought="fetched", host=host
        )
    declared, found = declared_of(part), sniff(value)
    return Media(
        kind=part.kind,
        place=part.place,
        declared=told(declared),
        sniffed=found,
        mislabelled=bool(declared) and not fits(declared, found),
        bytes=size_of(value),
        brought="inline",
    )


def declared_of(part: Part) -> str:
    """As the URL says it, or else what stands beside it."""
    if part.value[:5].lower() == "data:":
        return part.value[5:133].partition(",")[0].partition(";")[0].lower()
    return part.declared.lower()
