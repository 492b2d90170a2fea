"""How many tokens a model can make of bytes, at most: what budgets reserve, in whichever dialect a request comes.

No tokenizer in use makes more tokens of a text than it has bytes, whatever the text: what its vocabulary lacks it
spells in bytes. Some normalise first (NFC, NFKC), which can make a text longer, so the longest of these forms counts.
The bytes of a JSON document are more than those of its texts, and what JSON needs around a message (28 bytes at least)
is more than what any chat template puts there.

Templates print tools, schemas and the like anew, with indentation and escapes of their own. `printed` says by how much
that can be longer: four blanks for each level, and every character that some printer escapes, escaped.
"""

import unicodedata
from typing import Any

import msgspec

from guardhouse.wire import json

_PRINTED_ONCE = frozenset(
    ("input", "logit_bias", "messages", "metadata", "options", "prompt", "stop", "stream_options")
)
_INDENT = 4
_PRINTABLE = 64 * 1024  # bytes that are printed to be counted; what is larger counts as nested as deeply as may be
_ESCAPED = (b"<", b">", b"&", b"'")
_ESCAPES = (("\\n", "\n "), ("\\r", "\r "), ("\\t", "\t "), ("\\b", "\b "), ("\\f", "\f "))


def most_tokens(encoded: bytes) -> int:
    """Of the texts of a document, from the document as it is sent."""
    size = len(encoded)
    if encoded.isascii():
        return size
    text = encoded.decode()
    if unicodedata.is_normalized("NFKC", text):
        return size
    for escape, spaced in _ESCAPES:  # what follows an escape does not join its letter
        text = text.replace(escape, spaced)
    composed = len(unicodedata.normalize("NFC", text).encode())
    compatible = len(unicodedata.normalize("NFKC", text).encode())
    return max(size, composed, compatible)


def most_of(document: dict[str, Any], encoded: bytes) -> int:
    """Of a document of which a template prints everything but the messages and texts anew."""
    most = most_tokens(encoded)
    for field, value in document.items():
        if (type(value) is list or type(value) is dict) and field not in _PRINTED_ONCE:
            most += printed(value)
    return most


def printed(value: Any) -> int:
    """By how many bytes a value is longer when a template prints it, than as it is sent."""
    compact: bytes = json.encode(value)
    if len(compact) > _PRINTABLE:
        lines = 2 * compact.count(b"{") + 2 * compact.count(b"[") + compact.count(b",")
        more = lines * (_INDENT * json.MAX_DEPTH + 2)
    else:
        more = len(msgspec.json.format(compact, indent=_INDENT)) - len(compact)
    more += 5 * sum([compact.count(character) for character in _ESCAPED])
    if not compact.isascii():
        more += 2 * sum([len(character.encode()) for character in compact.decode() if character > "\x7f"])
    return more
