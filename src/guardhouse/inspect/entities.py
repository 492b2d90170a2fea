"""What each sensitive kind looks like, exactly.

A rule finds the leftmost match of one kind from a position on. The rules stand in the order in which they are applied,
each to what the ones before left: kinds with a checksum first, since digits that pass it are hardly anything else;
an e-mail address before a phone number, since digits in an address are not a number of their own. Private keys come
before all of them (private_key.py).

What whole-text and streamed masking both rest on:

- Only ASCII is matched, and nothing that JSON would escape; of white space, single spaces between groups.
- A match begins with no letter or digit before it, but for those of an escape (escapes.py), and ends with none behind
  it; rules look at `escapes.LEFT` characters before a match and `MARGIN` beyond it at most, and whether a match begins
  at a position depends on `reach` characters from there at most.
- A space inside a match stands between [0-9A-Z)] and [0-9A-Z(]. `WORD` holds every other character that a match may
  have, and the backslash, which no match has but an escape begins with. words.py cuts a text by these two statements;
  a new pattern must obey them.
- Where a match begins inside of an escape, the placeholder stands behind that. What `replace` replaces never does: it
  begins with a digit or a sign.
- A placeholder has no digit, no `@` and no prefix of a key: masking twice is masking once.
- No pattern goes back over what it has taken more than a bounded number of characters.
- What a pattern can refuse it refuses: every candidate that Python judges costs as much as fifty characters, and a text
  may consist of candidates. Only checksums are left to plausible.py, and IPv6 groups to be counted.

The scanner keeps a coarser twin of each pattern: who changes one here looks at scanner.py.
"""

import re
from collections.abc import Callable

import msgspec

from guardhouse.inspect import credentials, plausible
from guardhouse.inspect.escapes import LEFT, not_behind, without_escapes
from guardhouse.model.entity import ENTITY_BITS, Entity

MARGIN = 2
WORD = r"A-Za-z0-9@._%+\-:()/=\\"

Find = Callable[[str, int], tuple[int, int] | None]
Replace = Callable[[str, str], tuple[str, int]]


class Rule(msgspec.Struct, frozen=True):
    entity: Entity
    name: str  # as in the journal
    placeholder: str
    find: Find  # (text, from) -> where the leftmost match begins and ends
    reach: int  # a match that would begin further than this from the end of what is known is decided
    run: bool = False  # a match goes on for as long as credentials.RUN does
    replace: Replace | None = None  # (placeholder, text) -> what replacing every match gives, and how many there were


_LEFT = not_behind("A-Za-z0-9")  # stands behind the first character, so that the engine can run to that one
_LEFT_OF_PARTS = not_behind("A-Za-z0-9.")
_LEFT_OF_SIGN = not_behind("A-Za-z")
_RIGHT = "(?![A-Za-z0-9])"

_CARD = re.compile(
    f"[2-68]{_LEFT}(?:[0-9]{{12,18}}"
    f"|[0-9]{{3}}(?:([ -])[0-9]{{4}}\\1[0-9]{{4}}\\1[0-9]{{4}}(?:\\1[0-9]{{1,3}}{_RIGHT})?"
    f"|([ -])[0-9]{{6}}\\2[0-9]{{4,5}})){_RIGHT}"
)
_COUNTRY = "|".join(f"{first}{_LEFT}[{seconds}]" for first, seconds in plausible.COUNTRIES.items())
_IBAN = re.compile(
    f"(?:{_COUNTRY})[0-9]{{2}}(?![ -]?[A-Z]{{2}}[0-9]{{2}}[ -]?[A-Z])"  # no account begins like an IBAN
    f"(?:[A-Z0-9]{{11,30}}|(?:[ -][A-Z0-9]{{4}}){{2,7}}(?:[ -][A-Z0-9]{{1,3}})?){_RIGHT}"
)
_SSN = re.compile(f"[0-8]{_LEFT}[0-9]{{2}}(?<!000)(?<!666)([ -])(?!00)[0-9]{{2}}\\1(?!0000)[0-9]{{4}}{_RIGHT}")

_SEPARATOR = r"(?:[ .-]|\)[ -]?| ?\()?"
_EXTENSION = "(?:(?![A-Za-z0-9])|(?=x[0-9]))"  # "x123" may follow a number
_ABROAD = re.compile(
    rf"\+{_LEFT_OF_SIGN}(?:1(?:{_SEPARATOR}[0-9]){{10}}|[2-9](?:{_SEPARATOR}[0-9]){{7,14}}){_EXTENSION}"
)
_BEHIND_SPELLED_PLUS = re.compile(
    rf"[1-9](?<=\\u002[bB].)(?:(?<=1)(?:{_SEPARATOR}[0-9]){{10}}|(?<!1)(?:{_SEPARATOR}[0-9]){{7,14}}){_EXTENSION}"
)
_MORE = "(?:[ .-](?!00)(?=[0-9]{2}))?[0-9]"  # a digit, or a group of at least two that are not both zero
_NOT_A_DATE = r"(?![0-9][.-](?:0[1-9]|1[0-2])[.-](?:19|20)[0-9]{2})"
_NOT_BINARY = "(?=[01]{0,7}+(?:[ .-][01]{1,8}+){0,6}+[ .-]?[2-9])"
_TRUNK = re.compile(
    f"0{_LEFT_OF_PARTS}(?=[0-9]{{1,6}}[ .-][0-9]){_NOT_BINARY}"
    f"{_NOT_A_DATE}(?:0(?:{_MORE}){{9,15}}|(?!0)(?:{_MORE}){{8,10}}){_EXTENSION}"
)
_BRACKETED = re.compile(
    rf"\({_LEFT_OF_SIGN}(?!19|20)(?=[0-9]{{2,5}}\)[ -]?[0-9]{{2,8}}[ .-](?!00)[0-9]{{2}})(?:"
    + "|".join(rf"[0-9]{{{area}}}\)(?:[ -](?!00))?[0-9](?:{_MORE}){{{7 - area},{11 - area}}}" for area in (2, 3, 4, 5))
    + f"){_EXTENSION}"
)
_GROUPED = re.compile(
    f"[2-9]{_LEFT_OF_PARTS}(?:[0-9]{{2}}[ .-][2-9][0-9]{{2}}[ .-][0-9]{{4}}"
    f"|[0-9]{{1,2}}([ -])[0-9]{{3}}\\1[0-9]{{2}}\\1[0-9]{{2}}){_EXTENSION}"
)

_LOCAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
_AT_DOMAIN = re.compile(
    r"@(?<=[A-Za-z0-9._%+-]@)(?:[A-Za-z0-9-]{1,63}+\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}+|[A-Za-z]{2,24}+)(?![A-Za-z0-9])"
)

_OCTET = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})"
_IPV4 = re.compile(
    rf"[0-9]{_LEFT_OF_PARTS}(?:(?<=[01])[0-9]{{0,2}}|(?<=2)(?:[0-4][0-9]|5[0-5]|[0-9])?|(?<=[3-9])[0-9]?)"
    rf"(?:\.{_OCTET}){{3}}(?![A-Za-z0-9]|\.[0-9])"
)
_IPV6 = re.compile(
    rf"[0-9A-Fa-f]{not_behind('A-Za-z0-9:.')}"
    rf"(?=[0-9A-Fa-f]{{3}}:|[0-9A-Fa-f]{{0,3}}(?::{{1,2}}[0-9A-Fa-f]{{1,4}}){{3}})"
    rf"[0-9A-Fa-f]{{0,3}}(?::{{1,2}}[0-9A-Fa-f]{{1,4}}){{1,7}}(?:::|(?:\.[0-9]{{1,3}}){{3}})?{_RIGHT}"
)


def _ipv6_length(text: str) -> int:
    """Times, slices and scoped names have colons too: a shortened address begins with a full group or has four."""
    colons, shortened = text.count(":"), text.count("::")
    if colons < 6 and (not shortened or (text[4:5] != ":" and colons < 5) or not any(map(str.isdigit, text))):
        return 0
    start, dot, rest = text.partition(".")
    if dot and not all(
        octet.isdigit() and octet == str(int(octet)) and int(octet) < 256
        for octet in (start.rpartition(":")[2], *rest.split("."))
    ):
        return 0
    groups = colons + 1 - shortened - text.endswith("::") + bool(dot)
    return len(text) if (groups < 8 if shortened == 1 else groups == 8 and not shortened) else 0


def _finder(pattern: re.Pattern[str], judge: Callable[[str], int]) -> Find:
    """`judge` says how much of what the pattern matched is the value: a length, 0 for none."""
    search = pattern.search

    def find(text: str, position: int) -> tuple[int, int] | None:
        while (match := search(text, position)) is not None:
            start = match.start()
            length = judge(match[0])
            if length:
                return start, start + length
            position = start + 1
        return None

    return find


def _find_email(text: str, position: int) -> tuple[int, int] | None:
    """From each `@` both ways: a search for what stands before it would try every word of the text."""
    match = _AT_DOMAIN.search(text, position)
    while match is not None:
        at = match.start()
        before = text[max(position, at - 64) : at]
        local = before[len(before.rstrip(_LOCAL)) :].lstrip("._%+-")
        if local:
            return at - len(local), match.end()
        match = _AT_DOMAIN.search(text, at + 1)
    return None


def _ipv6_finder(pattern: re.Pattern[str]) -> Find:
    find = _finder(pattern, _ipv6_length)
    return lambda text, position: find(text, position) if text.find(":", position) >= 0 else None


def _find_behind_spelled_plus(text: str, position: int) -> tuple[int, int] | None:
    plus = text.find("\\u002", max(position - LEFT, 0))
    match = None if plus < 0 else _BEHIND_SPELLED_PLUS.search(text, max(position, plus))
    return None if match is None else match.span()


def _exact(entity: Entity, pattern: re.Pattern[str], reach: int) -> Rule:
    """A rule whose pattern needs no judgement: all of a text is left to the engine."""

    def find(text: str, position: int) -> tuple[int, int] | None:
        match = pattern.search(text, position)
        return None if match is None else match.span()

    name = str(entity.name)
    return Rule(entity, name.lower(), f"[{name}]", find, reach, replace=pattern.subn)


def _rules(*, escapes: bool) -> tuple[Rule, ...]:
    def form(pattern: re.Pattern[str]) -> re.Pattern[str]:
        return pattern if escapes else without_escapes(pattern)

    find_key = credentials.find if escapes else credentials.find_without_escapes
    spelled = Rule(Entity.PHONE, "phone", "[PHONE]", _find_behind_spelled_plus, 64)
    return (
        Rule(Entity.API_KEY, "api_key", "[API_KEY]", credentials.find_token, credentials.TOKEN_REACH, run=True),
        Rule(Entity.API_KEY, "api_key", "[API_KEY]", find_key, credentials.REACH, run=True),
        Rule(Entity.IBAN, "iban", "[IBAN]", _finder(form(_IBAN), plausible.iban), 64),
        Rule(Entity.CARD, "card", "[CARD]", _finder(form(_CARD), plausible.card), 40),
        _exact(Entity.SSN, form(_SSN), 16),
        Rule(Entity.EMAIL, "email", "[EMAIL]", _find_email, 680),
        Rule(Entity.IP, "ip", "[IP]", _ipv6_finder(form(_IPV6)), 80),
        _exact(Entity.IP, form(_IPV4), 24),
        _exact(Entity.PHONE, form(_ABROAD), 64),
        *([spelled] if escapes else []),
        _exact(Entity.PHONE, form(_GROUPED), 24),
        _exact(Entity.PHONE, form(_TRUNK), 64),
        _exact(Entity.PHONE, form(_BRACKETED), 64),
    )


class Rules(msgspec.Struct, frozen=True):
    """What is applied for one set of entities."""

    every: tuple[Rule, ...]
    plain: tuple[Rule, ...]  # gives the same for a text that has no backslash


RULES = _rules(escapes=True)
_PLAIN_RULES = _rules(escapes=False)
_BY_SET = tuple(
    Rules(
        tuple(rule for rule in RULES if rule.entity & wanted),
        tuple(rule for rule in _PLAIN_RULES if rule.entity & wanted),
    )
    for wanted in range(ENTITY_BITS + 1)
)


def rules_for(wanted: Entity) -> Rules:
    return _BY_SET[wanted & ENTITY_BITS]
