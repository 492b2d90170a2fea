"""One linear pass over the joined texts of a document: what MAY be in it.

Every pattern here is a coarser twin of something exact elsewhere: it looks at no neighbours and checks no digit, so it
may hit where the exact one does not, and never misses where the exact one hits. Only on a hit is anything exact run.
The answer is one integer: the low bits are values of `Entity`, those above say which further look is worth taking.

The patterns are compiled into databases (patterns.py): one of all and one of the entities when the module is imported
(0.2 to 0.3 s), and later one of each kind that tells where it may be (`spots`; a pattern has to end in a character of
the match, and may not look beyond its left neighbour, which an escape of JSON source may be). The callback only notes
numbers, so that scans never nest.
Cost: about a microsecond for half a kilobyte of prose, 40 for 64 kilobytes. A pattern that begins with a frequent
character or has no literal part costs far more; measure before adding one.
"""

import re
from typing import Any

import hyperscan

from guardhouse.inspect import credentials
from guardhouse.inspect.patterns import CASELESS, MULTILINE, ONCE, Later, compiled
from guardhouse.inspect.phrases import (
    DELIMITERS,
    PHRASES,
    TELLING_WORDS,
    Phrase,
    leet_fragments,
    phrase_pattern,
    rotated,
)
from guardhouse.model.entity import ENTITY_BITS, Entity

KEYWORD = ENTITY_BITS + 1  # a phrase of phrases.py, as it is
DELIMITER = KEYWORD << 1  # something that divides roles in a prompt template
BLOB = KEYWORD << 2  # something that may be encoded text
DISGUISED = KEYWORD << 3  # letters apart, digits for letters, a phrase rotated by 13
NON_ASCII = KEYWORD << 4  # characters that may stand for others

SIGNAL_BITS = KEYWORD | DELIMITER | BLOB | DISGUISED | NON_ASCII

_MOST_SPOTS = 128
_MOST_SIGNAL_SPOTS = 512  # a run of base64 makes one for each of its characters

_ENTITY_PATTERNS: dict[Entity, list[str]] = {
    Entity.EMAIL: [r"[A-Za-z0-9._%+-]@[A-Za-z0-9-]"],
    Entity.PHONE: [
        r"\+[1-9][ .()-]{0,2}[0-9]",
        r"[2-9][0-9]{2}[ .-][2-9][0-9]{2}[ .-][0-9]{4}",
        r"[2-9][0-9]{1,2}[ -][0-9]{3}[ -][0-9]{2}[ -][0-9]{2}",
        r"0[0-9]{1,3}[ .-][0-9]{2}[0-9 .-]{3}",
        r"0[0-9]{4,6}[ .-][0-9]{2}",
        r"\([0-9]{2,5}\)[ -]?[0-9]{2}",
    ],
    Entity.CARD: [r"[0-9]{13}", r"[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}", r"[0-9]{4}[ -][0-9]{6}[ -][0-9]{4}"],
    Entity.IBAN: [r"[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]{4}[ -]?[A-Z0-9]{4}"],
    Entity.SSN: [r"[0-9]{3}[ -][0-9]{2}[ -][0-9]{4}"],
    Entity.IP: [
        r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        r"[0-9A-Fa-f]::[0-9A-Fa-f]",
        r":[0-9A-Fa-f]{1,4}::",
        r"(?:[0-9A-Fa-f]{1,4}:){6}",
    ],
    Entity.PRIVATE_KEY: [r"-----BEGIN "],
    Entity.API_KEY: credentials.prefilters(),
}

_BLOB_PATTERNS = [
    r"[A-Za-z0-9+/_-]{20}",
    r"[A-Za-z0-9+/_-]{8}\r?\n[A-Za-z0-9+/_-]{8}",
    r"%[0-9A-Fa-f]{2}%[0-9A-Fa-f]{2}",
    r"\\u[0-9A-Fa-f]{4}\\u",
    r"\\x[0-9A-Fa-f]{2}\\x",
]
_LEET = "|".join(map(re.escape, leet_fragments()))
_APART = ["[ ._*-]".join(word[:4]) for word in TELLING_WORDS]

_PLAIN_ESCAPE = r"\\u00[2-7][0-9A-Fa-f]"  # spells out a character that needs none, and so may hide any entity

_EXPRESSIONS: list[tuple[str, int, int]] = [  # pattern, flags, the bits it sets
    *((phrase_pattern(phrase.words), CASELESS, KEYWORD) for phrase in PHRASES),
    *((pattern, 0, int(entity)) for entity, patterns in _ENTITY_PATTERNS.items() for pattern in patterns),
    (_PLAIN_ESCAPE, 0, ENTITY_BITS),
    *((phrase_pattern(rotated(phrase.words)), CASELESS, DISGUISED) for phrase in PHRASES if phrase.weight > 2),
    *((delimiter, CASELESS | MULTILINE, DELIMITER) for delimiter in DELIMITERS),
    *((pattern, 0, BLOB) for pattern in _BLOB_PATTERNS),
    *((pattern, CASELESS, DISGUISED) for pattern in _APART),
    (_LEET, CASELESS, DISGUISED),
]
_BITS = [bits for _, _, bits in _EXPRESSIONS]


_ENTITY_EXPRESSIONS = [each for each in _EXPRESSIONS if each[2] <= ENTITY_BITS]
_ENTITY_MASKS = [bits for _, _, bits in _ENTITY_EXPRESSIONS]

_scan = compiled([(pattern, flags | ONCE) for pattern, flags, _ in _EXPRESSIONS])
_scan_entities = compiled([(pattern, flags | ONCE) for pattern, flags, _ in _ENTITY_EXPRESSIONS])
_SPOTS = {  # one for each kind: usually one is asked for
    entity: Later([(pattern, flags) for pattern, flags, bits in _ENTITY_EXPRESSIONS if bits & entity])
    for entity in Entity
    if entity is not Entity.PRIVATE_KEY
}
_SIGNAL_SPOTS = Later([(pattern, flags) for pattern, flags, bits in _EXPRESSIONS if bits > ENTITY_BITS])


def _note(number: int, _start: int, _end: int, _flags: int, hits: Any) -> None:
    hits.append(number)


def scan(haystack: bytes) -> int:
    """The bits of everything that may be in `haystack`."""
    hits: list[int] = []
    _scan(haystack, match_event_handler=_note, context=hits)
    candidates = 0 if haystack.isascii() else NON_ASCII
    for number in hits:
        candidates |= _BITS[number]
    return candidates


def scan_entities(haystack: bytes) -> int:
    """The entity bits alone, for texts whose signals nobody asks for: half the work."""
    hits: list[int] = []
    _scan_entities(haystack, match_event_handler=_note, context=hits)
    candidates = 0
    for number in hits:
        candidates |= _ENTITY_MASKS[number]
    return candidates


def spots(haystack: bytes, wanted: int) -> list[int] | None:
    """Offsets in `haystack`, each inside of what may be one of the wanted entities; None if they are too many to help.

    Every entity has one of its characters right before such an offset, or that of a plus spelled out before it: the
    patterns end in what is part of the match.
    """
    found: list[int] = []

    def note(_number: int, _start: int, end: int, _flags: int, _context: Any) -> bool | None:
        found.append(end)
        return len(found) > _MOST_SPOTS or None

    try:
        for entity, kind in _SPOTS.items():
            if entity & wanted:
                kind.scan(haystack, note)
    except hyperscan.ScanTerminated:
        return None
    return found


def signal_spots(haystack: bytes) -> list[int] | None:
    """Offsets right behind whatever makes a signal bit, in order; None if they are too many to help."""
    found: list[int] = []

    def note(_number: int, _start: int, end: int, _flags: int, _context: Any) -> bool | None:
        found.append(end)
        return len(found) > _MOST_SIGNAL_SPOTS or None

    try:
        _SIGNAL_SPOTS.scan(haystack, note)
    except hyperscan.ScanTerminated:
        return None
    return sorted(found)


def phrases_and_delimiters(haystack: bytes) -> tuple[list[Phrase], int]:
    """The distinct phrases said in `haystack`, and how many kinds of delimiters stand in it."""
    hits: list[int] = []
    _scan(haystack, match_event_handler=_note, context=hits)
    said = [PHRASES[number] for number in hits if number < len(PHRASES)]
    return said, sum(1 for number in hits if _BITS[number] == DELIMITER)
