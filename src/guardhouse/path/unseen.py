"""What of an answer is no text that a control could look into: told on the record, and held to what may be in one.

Asked only of answers that have such a part. Where a policy masks answers they are refused, because "not looked at" must
not pass for "clean"; else `content.answer_media` says of which types media in answers may be. Without that list they
pass, and the record tells of them. With it nothing passes that shows or is said to be of a type that is not on it, nor
what is of no known type, is elsewhere, or stands where nobody knows how to read it, unless the list has
`application/octet-stream`. Of what is only named by an id, nothing is in the answer.
"""

from collections.abc import Callable, Sequence
from typing import Final

from guardhouse.audit.record import Unseen
from guardhouse.inspect.sniffing import fits, names_of, sniff
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.media import Part, Parts
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.masking import places_of
from guardhouse.path.media import (
    FAMILIES,
    declared_of,
    is_elsewhere,
    is_malformed,
    is_stored,
    is_taken,
    may_be_taken,
    note_each,
)
from guardhouse.policy.sections.content import Content
from guardhouse.wire.dialects.pieces import Shown

Judge = Callable[[Part], Reason | None]

WHOLE: Final = "(answer)"
_ANY: Final = "application/octet-stream"
_MOST_PLACES: Final = 8


def judge(exchange: Exchange, places: list[str], parts: Sequence[Part | Parts]) -> Verdict:
    """Of a document with `places` that cannot be read, of which `parts` are known to be media."""
    note(exchange, places, parts)
    if exchange.mask_response:
        return Denial(Reason.RESPONSE_UNREADABLE, "A policy masks answers; this part is not text.", places[0])
    content = None if exchange.model is None else exchange.model.rules.content
    if content is None or content.answer_media is None:
        return None
    refused = next((place for part in parts if (place := _refused_in(part, content))), "")
    if not refused and not is_taken(_ANY, content.answer_media):
        refused = next((place for place in places if not any(part.place.startswith(place) for part in parts)), "")
    return Denial(Reason.ANSWER_MEDIA_REFUSED, param=refused) if refused else None


def _refused_in(part: Part | Parts, content: Content) -> str:
    """The first place of what is not let through; empty if all of it is."""
    if isinstance(part, Part):
        return "" if is_let_through(part, content) else part.place
    passing: set[str] = set()
    for number, value in enumerate(part.values):
        found = sniff(value)
        if found in passing:
            continue
        one = part.at(number)
        if not is_let_through(one, content):
            return one.place
        if found or isinstance(value, bytes):
            passing.add(found)
    return ""


def judge_body(exchange: Exchange, content_type: bytes, body: bytes) -> Verdict:
    """Of an answer that is neither a document nor text, and that no policy masks."""
    declared = content_type.partition(b";")[0].strip().decode("ascii", "replace").lower()
    kind = FAMILIES.get(declared.partition("/")[0], "file")
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
    if declared and not may_be_taken(declared, allowed):
        return False
    if is_stored(part):
        return True
    if is_elsewhere(part) or is_malformed(part):
        return is_taken(_ANY, allowed)
    found = sniff(part.value)
    fitting = bool(declared) and fits(declared, found)
    if not found:
        return (fitting and not declared.endswith("/*")) or is_taken(_ANY, allowed)
    if not fitting and declared and content.mislabelled == "refuse":
        return False
    return any(is_taken(name, allowed) for name in names_of(found))


def note_shown(exchange: Exchange, shown: Shown) -> None:
    """Of an answer that flows, all at once."""
    parts = shown.parts
    if parts or shown.places:
        exchange.unseen = None
        note(exchange, [*shown.places, *[part.place for part in parts]], parts)


def note(exchange: Exchange, places: list[str], parts: Sequence[Part | Parts]) -> None:
    """Put it on the record, beside what is there already: a file that is read back has many answers."""
    unseen = exchange.unseen
    if unseen is None:
        unseen = exchange.unseen = Unseen()
    first = places[:_MOST_PLACES]
    shown = [place if place == WHOLE else shown for place, shown in zip(first, places_of(first), strict=True)]
    unseen.places = (*unseen.places, *shown)[:_MOST_PLACES]
    noted, kinds = list(unseen.media), dict(unseen.kinds)
    note_each(parts, (), "response", noted, kinds)
    unseen.media, unseen.kinds = tuple(noted), kinds
