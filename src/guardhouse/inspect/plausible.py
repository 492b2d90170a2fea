"""Whether digits that look like a number of some kind can be one: checksums, lengths, areas that are never given out.

Every function takes what a pattern of entities.py matched and returns how much of it is the number: a length, 0 for
"none". A pattern takes a whole run of groups; the number may end earlier, always where a separator stands
("4111 1111 1111 1111 123" is a card and its check code). Because each shorter reading is tried here, what follows a
number can never hide it.
"""

import re
from collections.abc import Iterator

_SEPARATORS = str.maketrans("", "", " .-()")
_DOUBLED = str.maketrans("0123456789", "0246813579")
_LETTERS = {ord(letter): str(value) for value, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}
_DATE = re.compile(r"[0-9]{2}[.-](?:0[1-9]|1[0-2])[.-](?:19|20)[0-9]{2}")
_GROUP = re.compile("[0-9A-Z]+")
_ZERO_GROUP = re.compile(r"[ .-]00")  # tables of codes ("0049 0020 0068") have such groups, telephone numbers do not

# country -> length of its account numbers
_IBAN_LENGTHS = {
    code: length
    for length, codes in {
        15: "NO", 16: "BE", 18: "DK FO FI GL NL SD FK", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE IL TL IQ OM SO",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "PT ST LY", 26: "IS TR", 27: "FR GR IT MC MR SM BI DJ", 28: "AL AZ CY DO GT HU LB PL BY SV NI",
        29: "BR PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip


def _readings(text: str) -> Iterator[int]:
    """The lengths at which `text` may end, longest first: all of it, or before a separator."""
    yield len(text)
    yield from reversed([match.end() for match in _GROUP.finditer(text)][:-1])


def luhn(digits: str) -> bool:
    plain, doubled = digits[-1::-2], digits[-2::-2].translate(_DOUBLED)
    return (sum(plain.encode()) + sum(doubled.encode()) - 48 * len(digits)) % 10 == 0


def _issued(digits: str) -> bool:
    """Whether some card network gives out numbers with this beginning and length."""
    length, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        return length in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if two in (34, 37):
        return length == 15
    if two in (36, 38, 39) or 3000 <= four <= 3059 or four == 3095:
        return 14 <= length <= 19
    if four == 6011 or two in (35, 60, 62, 64, 65, 81) or 2200 <= four <= 2204:
        return length >= 16
    return two in (50, 56, 57, 58, 63, 67)


def card(text: str) -> int:
    for end in _readings(text):
        digits = text[:end].translate(_SEPARATORS)
        if len(digits) < 13:
            return 0
        if _issued(digits) and luhn(digits) and digits.count(digits[0]) < len(digits):
            return end
    return 0


def iban(text: str) -> int:
    length = _IBAN_LENGTHS.get(text[:2], 0)
    if length == 0:
        return 0
    for end in _readings(text):
        number = text[:end].translate(_SEPARATORS)
        if len(number) < length:
            return 0
        if len(number) == length and int((number[4:] + number[:4]).translate(_LETTERS)) % 97 == 1:
            return end
    return 0


def social_security(text: str) -> int:
    area, group, serial = text[:3], text[4:6], text[7:]
    refused = area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000"
    return 0 if refused else len(text)


def international_phone(text: str) -> int:
    """`text` begins with `+`; a number has at most 15 digits, one of the North American plan exactly 11."""
    for end in _readings(text):
        digits = text[1:end].translate(_SEPARATORS)
        if digits[0] == "1" and len(digits) != 11:
            continue
        if 8 <= len(digits) <= 15 and len(set(digits)) > 1:
            return end
    return 0


def national_phone(text: str) -> int:
    """`text` begins with the trunk prefix 0 (or 00) or with an area in brackets, and is written in groups."""
    if _DATE.match(text) is not None:
        return 0
    abroad, bracketed = text.startswith("00"), text[0] == "("
    least, most = (11, 17) if abroad else (8, 12) if bracketed else (9, 11)
    for end in _readings(text):
        digits = text[:end].translate(_SEPARATORS)
        if least <= len(digits) <= most and len(set(digits)) > 2 and _ZERO_GROUP.search(text, 1, end) is None:
            return end
    return 0
