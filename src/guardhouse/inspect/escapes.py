r"""Escapes of JSON source in a text that nobody has declared to be source: a tool's result, an answer in JSON mode.

In such a text the two characters `\n` before a number are a line's end to whoever reads the source, and a backslash and
a letter to whoever does not. Which it is cannot be known, so both readings are served:

- What stands right behind `\b`, `\f`, `\n`, `\r`, `\t` or `\u` with four hexadecimal digits has nothing to its left: a
  value may begin there (`not_behind`).
- What seems to begin with the letter of an escape (`\npm_…`, `\bob@example.com`) is a value as well, but the escape
  stays: the placeholder stands behind it (`behind`), and source stays source. Of a name behind `DOMAIN\` the first
  letter may so be left.

It does not matter whether the backslash is itself escaped. `\\n` is a line's end in source inside of source, and a
backslash and a letter otherwise; the same two rules serve both. That keeps the look to the left at `LEFT` characters,
whatever stands before them, and it is safe: an escape taken in this way never ends inside of a real one, since neither
its letters nor its digits are backslashes.

No match holds a backslash, and none begins inside of an escape, so every escape is the same before and after masking.
An escape is not read, with one exception: `\u002b` before a number is its plus (entities.py), since there are encoders
that write every plus so. Other notations (`\x0a`, `%0a`, `=3D`) are letters and digits like any other.

Text that is declared as source is divided by json_source.py instead; what is left for these rules there is source
inside of it.
"""

import re

LEFT = 6  # the longest escape: how far a rule looks to the left of a match

LETTER = "[bfnrt]"
CODE = "u[0-9a-fA-F]{4}"

_ESCAPE = re.compile(rf"\\(?:{LETTER}|{CODE})")
_ENDS_NONE = rf"(?<!\\{LETTER})(?<!\\{CODE})"
_SIGNS = re.compile("[._%+-]*")  # what a local part of an address does not begin with


def not_behind(refused: str) -> str:
    """For a pattern, behind its first character: nothing of `refused` stands before that, unless it ends an escape."""
    return rf"(?<![{refused}]{_ENDS_NONE}.)"


def without_escapes(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """The same for texts that have no backslash, and faster."""
    return re.compile(pattern.pattern.replace(_ENDS_NONE, ""))


def behind(text: str, start: int) -> int:
    """`start`, or if that lies inside of an escape, the first character behind it that a value can begin with."""
    backslash = text.rfind("\\", max(start - LEFT + 1, 0), start)
    if backslash < 0:
        return start
    escape = _ESCAPE.match(text, backslash)
    if escape is None or escape.end() <= start:
        return start
    signs = _SIGNS.match(text, escape.end())
    return escape.end() if signs is None else signs.end()
