"""Credentials that can be told by their own shape: what issuers put in front of their keys so that leaks are found.

Each family is a literal prefix (written as one, so that the scanner and the stream can use it) and the rest. A key
begins where no letter or digit stands before it, but for those of an escape (escapes.py). Rests of open length are
possessive and bounded: the engine never goes back over a run, and a decision about a start needs `REACH` characters at
most. What a bounded rest leaves of a longer run is taken with it (`RUN`), so that no tail of a key stays behind.

A credential without a shape (a password, an AWS secret key, a UUID) is not recognised here; a pattern that flags every
random-looking word would cost more trust than it earns.

A new family needs a line in `FAMILIES`, and cases in tests/inspect/corpus/credentials.jsonl. A prefix never contains a
character that JSON escapes, nor a space, and never begins with `Q` (see stream.py).
"""

import re

from guardhouse.inspect.escapes import CODE, LEFT, LETTER, not_behind

_WORD = "[A-Za-z0-9]"
_URL = "[A-Za-z0-9_-]"
_END = "(?![A-Za-z0-9])"
_URL_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

# literal prefixes -> the rest of the key
FAMILIES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("sk-ant-", "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-or-"), _URL + "{20,512}+"),
    (("sk-",), _WORD + "{20,512}+"),
    (("gh_",), "[a-z0-9]{12}_[A-Za-z0-9]{43}" + _END),
    (("AKIA", "ASIA", "ABIA", "ACCA"), "[A-Z0-9]{16}" + _END),
    (("ABSK",), "[A-Za-z0-9+/]{80,512}+={0,2}"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _WORD + "{36,255}+"),
    (("github_pat_",), "[A-Za-z0-9_]{40,255}+"),
    (("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-"), _URL + "{20,255}+"),
    (("glimt-", "glagent-", "gloas-", "GR1348941"), _URL + "{20,255}+"),
    (("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.xoxp-", "xapp-"), "[A-Za-z0-9-]{20,255}+"),
    (("hooks.slack.com/services/",), "T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{20,48}+"),
    (("AIza",), _URL + "{35}"),
    (("GOCSPX-",), _URL + "{28,64}+"),
    (("ya29.",), _URL + "{30,512}+"),
    (("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"), _WORD + "{16,255}+"),
    (("hf_", "api_org_"), "[A-Za-z]{34}" + _END),
    (("npm_",), _WORD + "{36}" + _END),
    (("pypi-",), _URL + "{50,512}+"),
    (("SG.",), _URL + r"{16,32}+\." + _URL + "{32,64}+"),
    (("dop_v1_", "doo_v1_", "dor_v1_"), "[a-f0-9]{64}" + _END),
    (("dapi",), "[a-f0-9]{32}(?:-[0-9])?" + _END),
    (("gsk_",), _WORD + "{40,64}+"),
    (("xai-",), _WORD + "{40,128}+"),
    (("r8_",), _WORD + "{37}" + _END),
    (("pplx-",), _WORD + "{40,64}+"),
    (("nvapi-",), _URL + "{40,128}+"),
    (("hvs.", "hvb."), _URL + "{24,300}+"),
    (("glsa_",), "[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}" + _END),
    (("glc_eyJ",), "[A-Za-z0-9+/]{30,400}+={0,2}"),
    (("sntrys_", "sntryu_"), "[A-Za-z0-9+/=_-]{40,400}+"),
    (("lin_api_",), _WORD + "{40}" + _END),
    (("ntn_",), _WORD + "{40,64}+"),
    (("secret_",), _WORD + "{43}" + _END),
    (("figd_",), _URL + "{40}"),
    (("shpat_", "shpca_", "shppa_", "shpss_"), "[a-fA-F0-9]{32}" + _END),
    (("sq0atp-", "sq0csp-"), _URL + "{22,43}+"),
    (("EAAA",), _URL + "{56,60}+"),
    (("NRAK-",), "[A-Z0-9]{27}" + _END),
    (("PMAK-",), "[a-f0-9]{24}-[a-f0-9]{34}" + _END),
    (("dp.pt.", "dp.st."), _WORD + "{40,44}+"),
    (("tskey-",), "[a-z]{2,10}-[A-Za-z0-9]{8,32}-[A-Za-z0-9]{20,64}+"),
    (("pul-",), "[a-f0-9]{40}" + _END),
    (("pnu_",), _WORD + "{36}" + _END),
    (("sgp_",), "[A-Za-z0-9_]{40,64}+"),
    (("rdme_",), "[a-z0-9]{70}" + _END),
    (("fo1_", "fm1r_", "fm2_", "fm1a_"), "[A-Za-z0-9+/=_-]{40,512}+"),
    (("AccountKey=", "SharedAccessKey="), "[A-Za-z0-9+/]{40,100}+={0,2}"),
    (("AGE-SECRET-KEY-1",), "[A-Z0-9]{58}" + _END),
    (("A3-",), "[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}" + _END),
    (("API-",), "[A-Z0-9]{26}" + _END),
    (("SK",), "[0-9a-f]{32}" + _END),
)

# A signed token of three parts. Its first part may be long and may hold its own beginning again and again: it is looked
# for from the second part on, to the left.
_TOKEN = "eyJ"  # noqa: S105 - what one begins with
_TOKEN_LEFT = 1403
_search_token_middle = re.compile(r"\.eyJ" + _URL + r"{8,1900}+\." + _URL + "{20,700}+").search
_search_token_start = re.compile(f"e{not_behind('A-Za-z0-9')}yJ").search

PREFIXES: tuple[str, ...] = (*(prefix for prefixes, _ in FAMILIES for prefix in prefixes), _TOKEN)

# every proper beginning of a prefix: a word that ends here may still become a key
BEGINNINGS: frozenset[str] = frozenset(p[:n] for p in PREFIXES for n in range(1, len(p)))

RUN = re.compile("[A-Za-z0-9_-]*")

REACH = 640  # the longest match, with what is looked at behind it
TOKEN_REACH = 4200  # the same for a token of three parts


def _alternation(words: tuple[str, ...]) -> str:
    return "(?:" + "|".join(re.escape(word) for word in words) + ")"


def _tree(words: frozenset[str], otherwise: str) -> str:
    """Any of the words, each character tried once; `otherwise` is what may stand instead where one is incomplete."""
    if "" in words:
        return ""
    branches = [
        re.escape(first) + _tree(frozenset(word[1:] for word in words if word[0] == first), otherwise)
        for first in sorted({word[0] for word in words})
    ]
    return "(?:" + "|".join([*branches, otherwise] if otherwise else branches) + ")"


def _beginning_with(first: str) -> str:
    """The families that begin with this character, without it."""
    return "|".join(
        _alternation(tuple(prefix[1:] for prefix in prefixes if prefix[0] == first)) + rest
        for prefixes, rest in FAMILIES
        if any(prefix[0] == first for prefix in prefixes)
    )


_FIRSTS = sorted({prefix[0] for prefixes, _ in FAMILIES for prefix in prefixes})
_KEY = "(?:" + "|".join(f"{first}(?:{_beginning_with(first)})" for first in _FIRSTS) + ")"

# The left neighbour is matched, not only looked at: the engine tries fewer places that way, as most characters are
# letters. The beginning of a text is tried by itself, or a neighbour is put before it. An escape is a neighbour, and so
# is its backslash alone.
_REST_OF_ESCAPE = rf"(?:{LETTER}(?<=\\.)|{CODE}(?<=\\.{{5}})|)"
_match = re.compile(_KEY).match
_search = re.compile("[^A-Za-z0-9]" + _KEY).search
_search_behind = re.compile(f"[^A-Za-z0-9]{_REST_OF_ESCAPE}({_KEY})").search

_POSSIBLE = _tree(frozenset(PREFIXES), r"\Z")
_search_possible = re.compile("[^A-Za-z0-9]" + _POSSIBLE).search
_search_possible_behind = re.compile(rf"\\(?:(?:{LETTER}|{CODE}|){_POSSIBLE}|u[0-9a-fA-F]{{0,3}}\Z)").search

_SIGN = _tree(frozenset(PREFIXES), "")
_search_sign = re.compile(f"[^A-Za-z](?:(?<=[0-9@])|{_SIGN})").search
_search_sign_or_backslash = re.compile(rf"[^A-Za-z](?:(?<=[0-9@\\])|{_SIGN})").search
_search_sign_behind = re.compile(rf"\\(?:{LETTER}|{CODE}){_SIGN}").search


def find(text: str, position: int) -> tuple[int, int] | None:
    """Where the leftmost key from `position` on begins and ends, with the rest of its run."""
    start, match = 0, _match(text) if position == 0 else None
    if match is None:
        match = _search_behind(text, max(position - LEFT, 0))
        while match is not None and match.start(1) < position:
            match = _search_behind(text, match.start() + 1)
        if match is None:
            return None
        start = match.start(1)
    return start, _end_of_run(text, match.end())


def find_without_escapes(text: str, position: int) -> tuple[int, int] | None:
    """The same for texts that have no backslash, and faster."""
    start, match = 0, _match(text) if position == 0 else None
    if match is None:
        match = _search(text, max(position - 1, 0))
        if match is None:
            return None
        start = match.start() + 1
    return start, _end_of_run(text, match.end())


def _end_of_run(text: str, end: int) -> int:
    run = RUN.match(text, end)
    return end if run is None else run.end()


def find_token(text: str, position: int) -> tuple[int, int] | None:
    """Where the leftmost token of three parts from `position` on begins and ends, with the rest of its run."""
    middle = _search_token_middle(text, position)
    while middle is not None:
        dot = middle.start()
        before = text[max(position, dot - _TOKEN_LEFT) : dot]
        start = _search_token_start(text, dot - len(before) + len(before.rstrip(_URL_CHARACTERS)), dot)
        if start is not None and dot - start.end() >= 10:
            return start.start(), _end_of_run(text, middle.end())
        middle = _search_token_middle(text, dot + 1)
    return None


def first_possible(text: str) -> int:
    """Where a key begins first, or may begin once more is known, or the escape before it; else the text's length."""
    match = _search_possible(f" {text}")
    first = len(text) if match is None else match.start()
    if "\\" in text:
        behind = _search_possible_behind(text)
        return first if behind is None else min(first, behind.start())
    return first


def any_sign(text: str) -> bool:
    """Whether there is a digit, an `@` or the beginning of a key: without any of them a text holds no entity."""
    match = _search_sign_or_backslash(f" {text}")
    if match is None:
        return False
    before = match.start() - 1  # in `text`; -1 is the space
    if before < 0 or text[before] != "\\":
        return True
    return _search_sign(text, before) is not None or _search_sign_behind(text, before) is not None


def prefilters() -> list[str]:
    """For the scanner: the prefix and one character of the rest, without looking at neighbours."""
    return [*(_alternation(prefixes) + "[A-Za-z0-9_-]" for prefixes, _ in FAMILIES), r"\.eyJ[A-Za-z0-9_-]{8}"]


_PLAIN_PREFIXES = tuple(prefix for prefix in PREFIXES if prefix.isalpha())


def begins_like_one(word: str) -> bool:
    """Whether a key may begin with `word`, which is made of letters."""
    return word in BEGINNINGS or word.startswith(_PLAIN_PREFIXES)
