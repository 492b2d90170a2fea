"""Cuts JSON source that arrives in pieces into the parts that masking treats differently.

Text that is itself JSON source (the arguments of a tool call) must stay JSON when values in it are masked:

- an escape is never part of a match: `\\n` before a word does not make it a word that begins with n. It divides words,
  and goes through as it is. Only an escape that spells out a character which needs none (`\\u0040` for @) is replaced
  by that character, or it would hide an address, and an escaped backslash is text: what follows may be an escape of
  source inside of this source, which is judged as in any text (escapes.py);
- a quotation mark ends whatever it encloses, an unterminated private key too;
- a number that stands alone outside of strings is looked at as a whole. If something in it is masked, the result is no
  number any more and is put between quotation marks. A number of more than 64 characters passes; one of less than 7
  can hold nothing and is text.

Between two dividers, fewer than six characters can hold no value: runs of such parts go through as one, or
source that is nothing but quotation marks would cost a part for each.

The cutting is the same for whole texts. Source that is not valid JSON is cut the same way.
"""

import re
from collections.abc import Iterator
from enum import Enum


class Part(Enum):
    TEXT = 1  # words; joined to the text before and after
    LITERAL = 2  # goes through and divides
    QUOTE = 3
    NUMBER = 4  # a number of its own, outside of strings


_IN_STRING = re.compile(r'(?P<text>(?:[^"\\]++|\\\\)++)|(?P<quote>")|(?P<escape>\\(?:u[0-9a-fA-F]{4}|.))', re.DOTALL)
_DIVIDER = r"[\s,:{}\[\]]"
_IN_WORD = r'[^\s,:{}\[\]"\\]'
_DIGITS = "[0-9.eE+-]"


def _outside(open_number: str) -> re.Pattern[str]:
    """Text goes on until a word that is a long number as far as it is known, or that may become one."""
    return re.compile(
        rf"(?P<text>(?:{_DIVIDER}++|\\\\|(?!-?[0-9]{_DIGITS}{{6}}{open_number}){_IN_WORD}++)++)"
        rf"|(?P<number>-?[0-9]{_DIGITS}{{6,63}}+(?!{_IN_WORD}))|(?P<long>-?[0-9]{_DIGITS}{{64,}}+)"
        rf'|(?P<word>{_IN_WORD}++)|(?P<quote>")|(?P<escape>\\(?:u[0-9a-fA-F]{{4}}|.))',
        re.DOTALL,
    )


_OUTSIDE = _outside(rf"|-?(?:[0-9]{_DIGITS}{{0,5}})?\Z")
_OUTSIDE_AT_LAST = _outside("")
_OPEN_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_OPEN_NUMBER = re.compile(rf"-?(?:[0-9]{_DIGITS}{{0,63}})?\Z")
_REST_OF_WORD = re.compile(f"{_IN_WORD}+")
_REST_OF_NUMBER = re.compile(f"{_DIGITS}+")
_NEEDLESS = re.compile(r"\\u00(?:2[0589bdefBDEF]|3[0-9adAD]|4[0-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])")
_DULL = re.compile(
    r'(?:(?:[^"\\]{0,5}+\\\\)*+[^"\\]{0,5}+'
    rf'(?:"|(?!{_NEEDLESS.pattern})\\(?:u[0-9a-fA-F]{{4}}|[^u]|u(?![0-9a-fA-F]{{0,3}}\Z))))++',
    re.DOTALL,
)


class JsonSource:
    __slots__ = ("_divided", "_open", "_word", "in_string", "swallows")

    def __init__(self) -> None:
        self.in_string = False
        self.swallows = False  # whether what is cut off does not go through (see private_key.py)
        self._divided = True  # nothing can be joined to what came last
        self._open = ""  # an escape or number that may go on
        self._word: re.Pattern[str] | None = None  # outside: what the last part goes on with, if that comes next

    @property
    def calm(self) -> bool:
        """Whether letters and spaces would be text."""
        return self.in_string and not self._open

    def push(self, text: str, *, last: bool = False) -> Iterator[tuple[Part, str]]:
        text = self._open + text
        self._open = ""
        position = 0
        while position < len(text):
            if self._word is not None and (rest := self._word.match(text, position)) is not None:
                yield (Part.TEXT if self._word is _REST_OF_WORD else Part.LITERAL), rest[0]
                position = rest.end()
                continue
            self._word = None
            if self._divided and not self.swallows and (dull := _DULL.match(text, position)) is not None:
                yield self._passed(dull[0])
                position = dull.end()
                continue
            if not last and self._is_open(text, position):
                self._open = text[position:]
                return
            pattern = _IN_STRING if self.in_string else _OUTSIDE_AT_LAST if last else _OUTSIDE
            match = pattern.match(text, position)
            if match is None:  # a lone backslash at the very end
                yield Part.LITERAL, text[position:]
                return
            position = match.end()
            yield self._part(match)

    def _passed(self, dull: str) -> tuple[Part, str]:
        quotes = dull.replace("\\\\", "").replace('\\"', "").count('"')
        self.in_string ^= quotes % 2 == 1
        return Part.LITERAL, dull

    def _is_open(self, text: str, position: int) -> bool:
        if text[position] == "\\":
            return len(text) - position < 6 and _OPEN_ESCAPE.match(text, position) is not None
        if self.in_string or len(text) - position > 65:
            return False
        return _OPEN_NUMBER.match(text, position) is not None

    def _part(self, match: re.Match[str]) -> tuple[Part, str]:
        kind, token = match.lastgroup, match[0]
        self._divided = kind == "quote" or (kind == "escape" and not _NEEDLESS.match(token))
        if kind == "quote":
            self.in_string = not self.in_string
            return Part.QUOTE, token
        if kind == "escape":
            return (Part.TEXT, chr(int(token[-4:], 16))) if _NEEDLESS.match(token) else (Part.LITERAL, token)
        if kind == "number":
            return Part.NUMBER, token
        if kind == "long":
            self._word = _REST_OF_NUMBER
            return Part.LITERAL, token
        if not self.in_string and _REST_OF_WORD.match(token, len(token) - 1):
            self._word = _REST_OF_WORD
        return Part.TEXT, token
