"""What of an answer is no text that a control could look into: told on the record, and held to what may be in one.

Asked only of answers that have such a part. Where a policy masks answers they are refused, because "not looked at" must
not pass for "clean"; else `content.answer_media` says of which types media in answers may be. Without that list they
pass, and the record tells of them. With it nothing passes that shows or is said to be of a type that is not on it, nor
what is of no known type, is elsewhere, or stands where nobody knows how to read it, unless the list has
`application/octet-stream`. Of what is only named by an id, nothing is in the answer.
"""

from collections.abc import Callable
from typing import Final

from guardhouse.audit.record import Unseen
from guardhouse.inspect.sniffing import fits, names_of, sniff
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.media import MediaKind, Part
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.masking import places_of
from guardhouse.path.media import (
    MOST_TOLD,
    count,
    declared_of,
    describe,
    is_elsewhere,
    is_malformed,
    is_stored,
    is_taken,
)
from guardhouse.policy.sections.content import Content
from guardhouse.wire.dialects.pieces import Shown

Judge = Callable[[Part], Reason | None]

WHOLE: Final = "(answer)"
_ANY: Final = "application/octet-stream"
_MOST_PLACES: Final = 8
_FAMILIES: Final[dict[str, MediaKind]] = {"audio": "audio", "image": "image", "video": "video"}


def judge(exchange: Exchange, places: list[str], parts: list[Part]) -> Verdict:
    """Of a document with `places` that cannot be read, of which `parts` are known to be media."""
    note(exchange, places, parts)
    if exchange.mask_response:
        return Denial(Reason.RESPONSE_UNREADABLE, "A policy masks answers; this part is not text.", places[0])
    content = None if exchange.model is None else exchange.model.rules.content
    if content is None or content.answer_media is None:
        return None
    for part in parts:
        if not is_let_through(part, content):
            return Denial(Reason.ANSWER_MEDIA_REFUSED, param=part.place)
    unknown = [place for place in places if not any(part.place.startswith(place) for part in parts)]
    if unknown and not is_taken(_ANY, content.answer_media):
        return Denial(Reason.ANSWER_MEDIA_REFUSED, param=unknown[0])
    return None


def judge_body(exchange: Exchange, content_type: bytes, body: bytes) -> Verdict:
    """Of an answer that is neither a document nor text, and that no policy masks."""
    declared = content_type.partition(b";")[0].strip().decode("ascii", "replace").lower()
    kind = _FAMILIES.get(declared.partition("/")[0], "file")
    return judge(exchange, [WHOLE], [Part(kind, WHOLE, declared, body)])


def judge_of(exchange: Exchange) -> Judge | None:
    """Who is asked, of an answer that flows, as soon as a part of it shows; None: nobody has to be."""
    content = None if exchange.model is None else exchange.model.rules.content
    if content is None or content.answer_media is None:
        return None
    held = content
    return lambda part: None if is_let_through(part, held) else Reason.ANSWER_MEDIA_REFUSED


def is_let_through(part: Part, content: Content) -> bool:
    allowed, declared = content.answer_media, declared_of(part)
    assert allowed is not None
    if declared and not is_taken(declared, allowed):
        return False
    if is_stored(part):
        return True
    if is_elsewhere(part) or is_malformed(part):
        return is_taken(_ANY, allowed)
    found = sniff(part.value)
    fitting = bool(declared) and fits(declared, found)
    if not found:
        return fitting or is_taken(_ANY, allowed)
    if not fitting and declared and content.mislabelled == "refuse":
        return False
    return any(is_taken(name, allowed) for name in names_of(found))


def note_shown(exchange: Exchange, shown: Shown) -> None:
    """Of an answer that flows, all at once."""
    parts = shown.parts
    if parts or shown.places:
        exchange.unseen = None
        note(exchange, [*shown.places, *[part.place for part in parts]], parts)


def note(exchange: Exchange, places: list[str], parts: list[Part]) -> None:
    """Put it on the record, beside what is there already: a file that is read back has many answers."""
    unseen = exchange.unseen
    if unseen is None:
        unseen = exchange.unseen = Unseen()
    shown = tuple([place if place == WHOLE else shown for place, shown in zip(places, places_of(places), strict=False)])
    unseen.places = (*unseen.places, *shown)[:_MOST_PLACES]
    room = max(0, MOST_TOLD - len(unseen.media))
    unseen.media = (*unseen.media, *[describe(part, (), "response") for part in parts[:room]])
    counts = dict(unseen.kinds)
    for kind, number in count(parts).items():
        counts[kind] = counts.get(kind, 0) + number
    unseen.kinds = counts
