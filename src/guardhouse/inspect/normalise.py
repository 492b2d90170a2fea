"""The readings of a text: what a model may understand where a search for words sees something else.

`readings` yields variants of a text that are worth a search: folded (compatibility forms, case, zero-width and
combining characters, letters of other scripts that look like Latin ones), letters written apart joined, digits read as
the letters they stand for, and rotated by 13. Each variant is made in a constant number of passes over the text and is
hardly longer than it (what compatibility forms make longer than four times the text is cut), so the cost is linear.
The table of look-alikes is small and our own; it holds what is used to disguise English words.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator

_EXPANSION = 4  # compatibility forms of a text longer than this many times the text are cut

_CYRILLIC = dict(zip("абвеёзіїјкмнорсѕтухԁԛԝһӏєияпґ", "abbeeziijkmhopcstyxdqwhlenrnr", strict=True))
_GREEK = dict(zip("αβγεζηικμνορστυχω", "abyeznikuvopotuxw", strict=True))
_OTHER = dict(zip("ıɑɡոօѵⅼꞌøłđ€¢£ƒǝɛ", "iagnovl'oldeclfee", strict=True))
_LOOK_ALIKES = str.maketrans(_CYRILLIC | _GREEK | _OTHER)

# zero-width, bidirectional and other invisible characters, combining marks, variation selectors
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\u0300-\u036f\u20d0-\u20ff\U000e0100-\U000e01ef]+"
)
_TAGS: dict[int, str | None] = {
    0xE0000 + code: chr(code) for code in range(0x20, 0x7F)
}  # invisible, but models read it
_PHRASES_IN_A_SIGN: dict[int, str | None] = {0xFDFA: None, 0xFDFB: None}  # 18 and 8 characters long when unfolded
_FIRST = _TAGS | _PHRASES_IN_A_SIGN

_APART = re.compile(r"(?<![A-Za-z0-9@$])(?:[A-Za-z0-9@$][ ._*-]){2,}[A-Za-z0-9@$](?![A-Za-z0-9@$])")
_LEET = str.maketrans("013457@$!", "oieastasi")
_LEET_LETTER = re.compile(r"[A-Za-z][013457@$!]|[013457@$!][A-Za-z]")


def folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    limit = _EXPANSION * len(text)
    text = unicodedata.normalize("NFKC", text.translate(_FIRST))[:limit].casefold()
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKD", text)[:limit])
    return text.translate(_LOOK_ALIKES)


def joined(text: str) -> str:
    """Letters written apart put together; a wider gap still divides words."""
    return _APART.sub(lambda run: run[0][::2], text)


def readings(text: str) -> Iterator[str]:
    """Every reading that differs from those before it; the first is the folded text."""
    plain = folded(text)
    yield plain
    together = joined(plain)
    if together != plain:
        yield together
    if _LEET_LETTER.search(together) is not None:
        yield together.translate(_LEET)
    yield codecs.encode(plain, "rot13")
