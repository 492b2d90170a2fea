"""What each sensitive kind looks like, exactly.

A rule finds the leftmost match of one kind from a position on. The rules stand in the order in which they are applied,
each to what the ones before left: kinds with a checksum first, since digits that pass it are hardly anything else;
an e-mail address before a phone number, since digits in an address are not a number of their own. Private keys come
before all of them (private_key.py).

What whole-text and streamed masking both rest on:

- Only ASCII is matched, and nothing that JSON would escape; of white space, single spaces between groups.
- A match begins with no letter or digit before it and ends with none behind it; rules look at `MARGIN` characters
  beyond a match at most, and whether a match begins at a position depends on `reach` characters from there at most.
- A space inside a match stands between [0-9A-Z)] and [0-9A-Z(]. `WORD` holds every other character that a match may
  have. stream.py cuts a text by these two statements; a new pattern must obey them.
- A placeholder has no digit, no `@` and no prefix of a key: masking twice is masking once.
- No pattern goes back over what it has taken more than a bounded number of characters.

The scanner keeps a coarser twin of each pattern: who changes one here looks at scanner.py.
"""

import ipaddress
import re
from collections.abc import Callable

import msgspec

from guardhouse.inspect import credentials, plausible
from guardhouse.model.entity import Entity

MARGIN = 2
WORD = r"A-Za-z0-9@._%+\-:()/="

Find = Callable[[str, int], tuple[int, int] | None]


class Rule(msgspec.Struct, frozen=True):
    entity: Entity
    name: str  # as in the journal
    placeholder: str
    find: Find  # (text, from) -> where the leftmost match begins and ends
    reach: int  # a match that would begin further than this from the end of what is known is decided
    run: bool = False  # a match goes on for as long as credentials.RUN does


_LEFT = "(?<![A-Za-z0-9].)"  # stands behind the first character, so that the engine can run to that one
_RIGHT = "(?![A-Za-z0-9])"

_CARD = re.compile(
    f"[0-9]{_LEFT}(?:[0-9]{{12,18}}|[0-9]{{3}}(?:([ -])[0-9]{{4}}\\1[0-9]{{4}}\\1[0-9]{{4}}(?:\\1[0-9]{{1,3}}{_RIGHT})?"
    f"|([ -])[0-9]{{6}}\\2[0-9]{{4,5}})){_RIGHT}"
)
_IBAN = re.compile(
    f"[A-Z]{_LEFT}[A-Z][0-9]{{2}}(?:[A-Z0-9]{{11,30}}|(?:[ -][A-Z0-9]{{4}}){{2,7}}(?:[ -][A-Z0-9]{{1,3}})?){_RIGHT}"
)
_SSN = re.compile(f"[0-8]{_LEFT}[0-9]{{2}}([ -])[0-9]{{2}}\\1[0-9]{{4}}{_RIGHT}")

_SEPARATOR = r"(?:[ .-]|\)[ -]?| ?\()?"
_EXTENSION = "(?:(?![A-Za-z0-9])|(?=x[0-9]))"  # "x123" may follow a number
_ABROAD = re.compile(rf"\+(?<![A-Za-z].)[1-9](?:{_SEPARATOR}[0-9]){{7,14}}{_EXTENSION}")
_TRUNK = re.compile(f"0(?<![A-Za-z0-9.].)[0-9]{{1,6}}(?:[ .-][0-9]{{2,8}}){{1,5}}{_EXTENSION}")
_BRACKETED = re.compile(
    rf"\((?<![A-Za-z].)(?!19|20)[0-9]{{2,5}}\)[ -]?[0-9]{{2,8}}(?:[ .-][0-9]{{2,8}}){{1,3}}{_EXTENSION}"
)
_GROUPED = re.compile(
    "[2-9](?<![A-Za-z0-9.].)(?:[0-9]{2}[ .-][2-9][0-9]{2}[ .-][0-9]{4}|[0-9]{1,2}([ -])[0-9]{3}\\1[0-9]{2}\\1[0-9]{2})"
    + _EXTENSION
)

_LOCAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
_AT = re.compile("@(?<=[A-Za-z0-9._%+-]@)(?=[A-Za-z0-9-])")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9-]{1,63}+\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}+|[A-Za-z]{2,24}+)(?![A-Za-z0-9])")

_IPV4 = re.compile(r"[0-9](?<![A-Za-z0-9.].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![A-Za-z0-9]|\.[0-9])")
_IPV6 = re.compile(
    rf"[0-9A-Fa-f](?<![A-Za-z0-9:.].)[0-9A-Fa-f]{{0,3}}(?::{{1,2}}[0-9A-Fa-f]{{1,4}}){{1,7}}"
    rf"(?:::|(?:\.[0-9]{{1,3}}){{3}})?{_RIGHT}"
)


def _whole(match: re.Match[str]) -> int:
    return match.end()


def _judged(judge: Callable[[str], int]) -> Callable[[re.Match[str]], int]:
    def end(match: re.Match[str]) -> int:
        length = judge(match[0])
        return match.start() + length if length else 0

    return end


def _ipv4_end(match: re.Match[str]) -> int:
    return match.end() if all(int(octet) < 256 for octet in match[0].split(".")) else 0


def _ipv6_end(match: re.Match[str]) -> int:
    """Times, slices and scoped names have colons too: a shortened address begins with a full group or has four."""
    text = match[0]
    groups = text.count(":") + 1
    if groups < 7 and ("::" not in text or (text[4:5] != ":" and groups < 6) or not any(map(str.isdigit, text))):
        return 0
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return 0
    return match.end()


def _finder(pattern: re.Pattern[str], end_of: Callable[[re.Match[str]], int] = _whole) -> Find:
    search = pattern.search

    def find(text: str, position: int) -> tuple[int, int] | None:
        while (match := search(text, position)) is not None:
            end = end_of(match)
            if end:
                return match.start(), end
            position = match.start() + 1
        return None

    return find


def _find_email(text: str, position: int) -> tuple[int, int] | None:
    """From each `@` both ways: a search for what stands before it would try every word of the text."""
    at = _AT.search(text, position)
    while at is not None:
        before = text[max(position, at.start() - 64) : at.start()]
        local = before[len(before.rstrip(_LOCAL)) :].lstrip("._%+-")
        domain = _DOMAIN.match(text, at.end()) if local else None
        if domain is not None:
            return at.start() - len(local), domain.end()
        at = _AT.search(text, at.end())
    return None


def _find_ipv6(text: str, position: int) -> tuple[int, int] | None:
    return _search_ipv6(text, position) if ":" in text else None


_search_ipv6 = _finder(_IPV6, _ipv6_end)


RULES: tuple[Rule, ...] = (
    Rule(Entity.API_KEY, "api_key", "[API_KEY]", credentials.find, credentials.REACH, run=True),
    Rule(Entity.IBAN, "iban", "[IBAN]", _finder(_IBAN, _judged(plausible.iban)), 64),
    Rule(Entity.CARD, "card", "[CARD]", _finder(_CARD, _judged(plausible.card)), 40),
    Rule(Entity.SSN, "ssn", "[SSN]", _finder(_SSN, _judged(plausible.social_security)), 16),
    Rule(Entity.EMAIL, "email", "[EMAIL]", _find_email, 680),
    Rule(Entity.IP, "ip", "[IP]", _find_ipv6, 80),
    Rule(Entity.IP, "ip", "[IP]", _finder(_IPV4, _ipv4_end), 24),
    Rule(Entity.PHONE, "phone", "[PHONE]", _finder(_ABROAD, _judged(plausible.international_phone)), 64),
    Rule(Entity.PHONE, "phone", "[PHONE]", _finder(_GROUPED), 24),
    Rule(Entity.PHONE, "phone", "[PHONE]", _finder(_TRUNK, _judged(plausible.national_phone)), 64),
    Rule(Entity.PHONE, "phone", "[PHONE]", _finder(_BRACKETED, _judged(plausible.national_phone)), 64),
)


def rules_for(wanted: Entity) -> tuple[Rule, ...]:
    return _RULES_BY_SET[wanted & 255]


_RULES_BY_SET = tuple(tuple(rule for rule in RULES if rule.entity & wanted) for wanted in range(256))
