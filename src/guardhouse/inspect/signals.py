"""What is recorded about a prompt instead of the prompt: keyed hashes, sizes, and how much it looks like an attack.

Hashes are HMAC-SHA256: of each text, so that the turns of a conversation can be followed from request to request, and
of the sequence of them for the whole. Without the key, which is rotated and named on the record, a short prompt cannot
be found by guessing.

The score is advisory, 0 to 10. It is the highest that any window of any text reaches, not a sum over the document: what
a long document says here and there does not add up. In a window the weights of the distinct phrases and of delimiters
count; what only shows once decoded or unfolded counts more, for somebody hid it. What the system or the model says
counts a quarter. A single phrase that harmless role prompts use as well stays at 1.

The usual text costs its hash. Only where the scanner saw something, or there are characters that may stand for others,
is a text read again; all of that is linear in its length (normalise.py, encodings.py).
"""

from collections.abc import Iterator, Sequence

import msgspec

from guardhouse.inspect.encodings import decoded
from guardhouse.inspect.normalise import readings
from guardhouse.inspect.phrases import Phrase
from guardhouse.inspect.scanner import BLOB, SIGNAL_BITS, phrases_and_delimiters
from guardhouse.model.keyed_hash import KeyedHash
from guardhouse.model.text import Text

_WINDOW = 480  # characters: about a hundred tokens
_OVERLAP = 80
_HIDDEN = 3  # what being hidden adds to a phrase that is not said by everybody
_DELIMITER_WEIGHT = 2
_QUIET_ROLES = frozenset({"system", "assistant"})


class HashKey:
    """The key of the hashes, and its name on the record."""

    __slots__ = ("digest", "id")

    def __init__(self, key_id: str, key: bytes) -> None:
        self.id = key_id
        self.digest = KeyedHash(key).digest

    def __repr__(self) -> str:
        return f"HashKey({self.id!r}, …)"


class Signals(msgspec.Struct, frozen=True, gc=False):
    prompt_hash: str
    message_hashes: list[str]
    char_count: int
    token_estimate: int
    keyword_hits: int = 0  # distinct phrases, each counted once per text
    delimiter_hits: int = 0
    encoded_blobs: int = 0  # runs that decode to text
    risk: int = 0


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
    digests = list(map(key.digest, encoded))
    prompt_hash = key.digest(b"".join(digests)).hex()[:32]
    hashes = [one.hex()[:16] for one in digests]
    size = sum(map(len, encoded))
    characters = sum([len(text.value) for text in texts])
    tokens = (size + 3) // 4  # of UTF-8 bytes: four letters, two of Cyrillic, an ideograph and a third
    if not candidates & SIGNAL_BITS:
        return Signals(prompt_hash, hashes, characters, tokens)
    return Signals(prompt_hash, hashes, characters, tokens, *_looked_into(texts, candidates))


def _looked_into(texts: Sequence[Text], candidates: int) -> tuple[int, int, int, int]:
    keywords = delimiters = blobs = risk = 0
    for text in texts:
        findings = _Findings()
        for number, reading in enumerate(readings(text.value)):
            findings.read(reading, hidden=number > 0)
        said = decoded(text.value) if candidates & BLOB else []
        for hidden in said:
            for reading in readings(hidden):
                findings.read(reading, hidden=True)
        keywords += len(findings.phrases)
        delimiters += findings.delimiters
        blobs += len(said)
        score = findings.score // 4 if text.role in _QUIET_ROLES else findings.score
        risk = max(risk, min(score, 10))
    return keywords, delimiters, blobs, risk
