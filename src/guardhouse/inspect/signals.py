"""What is recorded about a prompt instead of the prompt: keyed hashes, sizes, and how much it looks like an attack.

The hash of a text is HMAC-SHA256, so that the turns of a conversation can be followed from request to request. A
request of very many texts has hashes of its first MOST_HASHES, and one of all the others together, so that what is
recorded of it does not grow with it. That of the whole is SHA-256 over all these, 32 bytes of each, of which a record
shows eight: what is not shown takes the place of a key. Without the key itself, which is rotated and named on the
record, a short prompt cannot be found by guessing.

The score is advisory, 0 to 10. It is the highest that any window of any text reaches, not a sum over the document: what
a long document says here and there does not add up. In a window the weights of the distinct phrases and of delimiters
count; what only shows once decoded or unfolded counts more, for somebody hid it. What the system or the model says
counts a quarter. A single phrase that harmless role prompts use as well stays at 1.

The usual text costs its hash. Only where the scanner saw something, or there are characters that may stand for others,
is a text read again, in several readings (normalise.py, encodings.py). That costs a hundred times the scan, so it is
bounded: `_MOST_READ` characters of a request, the last text first, and of a text that is longer than what is left the
blocks in which the scanner sees most. What lies beyond is hashed and counted in the sizes, and masked where a policy
says so, but adds nothing to the score: who fills a prompt with decoys can hide one attack behind them.

What comes in parts, as a file of requests does, is read part by part (`Gathering`), the last text of each part first.
Its signals are those of all its texts in one, but for what is read again where that is more than the bound.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from guardhouse.inspect.encodings import decoded
from guardhouse.inspect.normalise import readings
from guardhouse.inspect.phrases import Phrase
from guardhouse.inspect.scanner import (
    BLOB,
    DELIMITER,
    KEYWORD,
    NON_ASCII,
    SIGNAL_BITS,
    phrases_and_delimiters,
    scan,
    signal_spots,
)
from guardhouse.model.keyed_hash import KeyedHash
from guardhouse.model.signals import MOST_HASHES, Signals
from guardhouse.model.text import Text

_WINDOW: Final = 480  # characters: about a hundred tokens
_OVERLAP: Final = 80
_MOST_READ: Final = 32 * 1024
_EACH: Final = 64  # what reading a text costs however short it is, in characters
_BLOCK: Final = 4096
_HIDDEN: Final = 3  # what being hidden adds to a phrase that is not said by everybody
_DELIMITER_WEIGHT: Final = 2
_QUIET_ROLES: Final = frozenset({"system", "assistant"})
_BEHIND: Final = b"\xff"  # each text without a hash of its own: no byte of UTF-8


class HashKey:
    """The key of the hashes, and its name on the record."""

    __slots__ = ("id", "keyed")

    def __init__(self, key_id: str, key: bytes) -> None:
        self.id = key_id
        self.keyed = KeyedHash(key)

    def __repr__(self) -> str:
        return f"HashKey({self.id!r}, …)"

    def digest(self, message: bytes) -> bytes:
        """32 bytes."""
        return self.keyed.digest(message)


class _Findings:
    __slots__ = ("delimiters", "phrases", "score")

    def __init__(self) -> None:
        self.phrases: set[str] = set()
        self.delimiters = 0
        self.score = 0

    def read(self, text: str, *, hidden: bool) -> None:
        delimiters = 0
        for window in _windows(text):
            said, found = phrases_and_delimiters(window.encode("utf-8", "surrogatepass"))
            delimiters = max(delimiters, found)
            if said or found:
                new = hidden and any(phrase.words not in self.phrases for phrase in said)
                self.score = max(self.score, _weight(said, found, hidden=new))
                self.phrases.update(phrase.words for phrase in said)
        self.delimiters = max(self.delimiters, delimiters)


def _windows(text: str) -> Iterator[str]:
    for start in range(0, max(len(text) - _OVERLAP, 1), _WINDOW - _OVERLAP):
        yield text[start : start + _WINDOW]


def _weight(said: list[Phrase], delimiters: int, *, hidden: bool) -> int:
    strong = sum(phrase.weight for phrase in said if phrase.weight > 1)
    usual = sum(1 for phrase in said if phrase.weight == 1)
    weight = strong + (min(usual, 1) if not strong else min(usual, 2)) + _DELIMITER_WEIGHT * min(delimiters, 2)
    return weight + (_HIDDEN if hidden and strong else 0)


def signals(texts: Sequence[Text], encoded: Sequence[bytes], candidates: int, key: HashKey) -> Signals:
    """`encoded` is each text in UTF-8, `candidates` what the scanner saw in all of them."""
    if len(encoded) > MOST_HASHES:
        gathering = Gathering(key)
        gathering.add(texts, encoded, candidates)
        return gathering.signals()
    digests: list[bytes] = []
    hashes: list[str] = []
    size = 0
    for each in encoded:
        digest = key.digest(each)
        digests.append(digest)
        hashes.append(digest.hex()[:16])
        size += len(each)
    prompt_hash = _of_the_whole(digests)
    characters = sum([len(text.value) for text in texts]) if candidates & NON_ASCII else size
    if not candidates & SIGNAL_BITS:
        return Signals(prompt_hash, hashes, characters, _tokens(size))
    keywords, delimiters, blobs, risk, _ = _looked_into(texts, candidates, _MOST_READ)
    return Signals(prompt_hash, hashes, characters, _tokens(size), keywords, delimiters, blobs, risk)


class Gathering:
    """The signals of texts that come part by part."""

    __slots__ = (
        *("_begun", "_blobs", "_characters", "_delimiters", "_digests", "_further", "_key", "_keywords", "_left"),
        *("_risk", "_size"),
    )

    def __init__(self, key: HashKey) -> None:
        self._key = key
        self._begun = key.keyed.begin()
        self._digests: list[bytes] = []
        self._further = 0
        self._size = 0
        self._characters = 0
        self._left = _MOST_READ
        self._keywords = self._delimiters = self._blobs = self._risk = 0

    def add(self, texts: Sequence[Text], encoded: Sequence[bytes], candidates: int) -> None:
        """As `signals`."""
        room = MOST_HASHES - len(self._digests)
        self._digests += map(self._key.digest, encoded[:room])
        rest = encoded[room:]
        if rest:
            self._further += len(rest)
            self._begun.update(_BEHIND.join(rest) + _BEHIND)
        self._size += sum(map(len, encoded))
        self._characters += sum([len(text.value) for text in texts])
        if candidates & SIGNAL_BITS:
            keywords, delimiters, blobs, risk, self._left = _looked_into(texts, candidates, self._left)
            self._keywords += keywords
            self._delimiters += delimiters
            self._blobs += blobs
            self._risk = max(self._risk, risk)

    def signals(self) -> Signals:
        digests, further, further_hash = self._digests, self._further, ""
        if further:
            rest = self._key.keyed.end(self._begun)
            further_hash = rest[:8].hex()
            digests = [*digests, rest]
        return Signals(
            _of_the_whole(digests),
            [one[:8].hex() for one in self._digests],
            self._characters,
            _tokens(self._size),
            self._keywords,
            self._delimiters,
            self._blobs,
            self._risk,
            further,
            further_hash,
        )


def _of_the_whole(digests: list[bytes]) -> str:
    return sha256(b"".join(digests)).hexdigest()[:32]


def _tokens(size: int) -> int:
    """Of bytes of UTF-8: four letters, two of Cyrillic, an ideograph and a third."""
    return (size + 3) // 4


def _looked_into(texts: Sequence[Text], candidates: int, left: int) -> tuple[int, int, int, int, int]:
    """Distinct phrases, delimiters, encoded runs, the score, and what is left of the characters that may be read."""
    keywords = delimiters = blobs = risk = 0
    for text in reversed(texts):
        if left < 0:
            break
        findings = _Findings()
        for stretch in _stretches(text.value, left):
            left -= len(stretch) + _EACH
            blobs += _read_again(stretch, findings, candidates)
        keywords += len(findings.phrases)
        delimiters += findings.delimiters
        score = findings.score // 4 if text.role in _QUIET_ROLES else findings.score
        risk = max(risk, min(score, 10))
    return keywords, delimiters, blobs, risk, left


def _read_again(text: str, findings: _Findings, candidates: int) -> int:
    """Takes every reading of `text` into the findings; returns how many runs in it were decoded."""
    for number, reading in enumerate(readings(text)):
        findings.read(reading, hidden=number > 0)
    said = decoded(text) if candidates & BLOB else []
    for hidden in said:
        for reading in readings(hidden):
            findings.read(reading, hidden=True)
    return len(said)


def _stretches(text: str, left: int) -> list[str]:
    """What of `text` is worth its share of `left` characters.

    The surroundings of what the scanner saw, where that can be told and is little; else all of it, or the most telling
    blocks in their order.
    """
    if len(text) > _BLOCK and text.isascii():
        spots = signal_spots(text.encode())
        near = None if spots is None else _surroundings(text, spots)
        if near is not None and sum(map(len, near)) <= left:
            return near
    if len(text) <= left:
        return [text]
    if left < _BLOCK:
        return []
    step = _BLOCK - _WINDOW
    starts = range(0, max(len(text) - _WINDOW, 1), step)
    ranked = sorted(starts, key=lambda start: (_dullness(text[start : start + _BLOCK]), start))
    chosen: list[tuple[int, int]] = []
    for start in sorted(ranked[: left // _BLOCK]):
        if chosen and chosen[-1][1] >= start:  # neighbours are one, so that what is encoded is not cut
            chosen[-1] = (chosen[-1][0], start + _BLOCK)
        else:
            chosen.append((start, start + _BLOCK))
    return [text[start:end] for start, end in chosen]


def _surroundings(text: str, spots: list[int]) -> list[str]:
    """A window before and after each spot, those that touch in one piece. In ASCII an offset is a position."""
    pieces: list[tuple[int, int]] = []
    for spot in spots:
        start, end = max(0, spot - _WINDOW), spot + _WINDOW
        if pieces and pieces[-1][1] >= start:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return [text[start:end] for start, end in pieces]


def _dullness(block: str) -> int:
    seen = scan(block.encode("utf-8", "surrogatepass"))
    if seen & (KEYWORD | DELIMITER):
        return 0
    return 1 if seen & SIGNAL_BITS & ~NON_ASCII else 2 if seen & NON_ASCII else 3
