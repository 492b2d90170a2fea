"""Whether digits that look like a card or an account can be one: checksums, lengths, issuers.

Every function takes what a pattern of entities.py matched and returns how much of it is the number: a length, 0 for
"none". A pattern takes a whole run of groups; the number may end earlier, always where a separator stands
("4111 1111 1111 1111 123" is a card and its check code). Because each shorter reading is tried here, what follows a
number can never hide it.
"""

_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_LETTERS = {ord(letter): str(value) for value, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}

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


# first letter of a country -> the second ones
COUNTRIES: dict[str, str] = {
    first: "".join(sorted(code[1] for code in _IBAN_LENGTHS if code[0] == first))
    for first in sorted({code[0] for code in _IBAN_LENGTHS})
}


def _compact(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


def _shorter(text: str, end: int) -> int:
    """Where the group before the last one of `text[:end]` ends; 0 if there is none."""
    return max(text.rfind(" ", 0, end), text.rfind("-", 0, end), 0)


def luhn(digits: str) -> bool:
    reverse = digits.encode()[::-1]
    return (sum(reverse[::2] + reverse[1::2].translate(_DOUBLED)) - 48 * len(digits)) % 10 == 0


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
    end = len(text)
    while True:
        digits = _compact(text[:end])
        if len(digits) < 13:
            return 0
        if luhn(digits) and _issued(digits) and digits.count(digits[0]) < len(digits):
            return end
        end = _shorter(text, end)
        if end < 15:  # thirteen digits in groups are longer
            return 0


def iban(text: str) -> int:
    length = _IBAN_LENGTHS.get(text[:2], 0)
    if length == 0:
        return 0
    end = length if text[4:5].isalnum() else length + (length - 1) // 4  # in groups of four
    if end > len(text) or text[end : end + 1].isalnum():
        return 0
    number = _compact(text[:end])
    return end if int((number[4:] + number[:4]).translate(_LETTERS)) % 97 == 1 else 0
