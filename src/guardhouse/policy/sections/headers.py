"""`listen.headers`: which headers a request may have.

What goes upstream is a fixed list and is not said here. This is for who wants to know what reaches the gateway: a
header that nobody expects is often one that something in front, or something behind, would act upon.
"""

from collections.abc import Iterator

from guardhouse.policy import kinds
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.reading import Key, Kind, ListOf, Shape
from guardhouse.policy.settings import HeaderRules

# without these there is no request, no credential, or no client library
NEEDED = frozenset(
    (
        *("accept", "accept-encoding", "api-key", "authorization", "connection", "content-digest", "content-encoding"),
        *("content-length", "content-type", "expect", "host", "signature", "signature-input", "transfer-encoding"),
        *("user-agent", "x-api-key"),
    )
)
_NAME: Kind[str] = kinds.Text(
    r"[a-z0-9!#$%&'*+.^`|~-]{1,64}", "the name of a header; write it in small letters, without underscores"
)
HEADERS: Kind[HeaderRules] = Shape(
    HeaderRules,
    {
        "allow": Key(
            ListOf(_NAME, may_be_empty=True),
            "Headers that a request may have besides those that every request needs; without this key, any.",
        ),
        "refuse": Key(ListOf(_NAME), "Headers that no request may have."),
    },
)


def findings(rules: HeaderRules | None) -> Iterator[tuple[Path, str]]:
    if rules is None:
        return
    if rules == HeaderRules():
        yield (), "says nothing; name headers in allow or refuse"
    for number, name in enumerate(rules.allow or ()):
        if name in NEEDED:
            yield ("allow", number), f"{quote(name)} is always allowed"
    for number, name in enumerate(rules.refuse):
        if name in NEEDED:
            yield ("refuse", number), f"{quote(name)} is needed"
        elif rules.allow is not None:
            yield ("refuse", number), "has no effect beside allow, which refuses all others"
