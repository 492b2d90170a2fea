"""`identity`: how long what is known of credentials is relied on, whose tokens are accepted, and the gateway's own."""

from collections.abc import Iterator
from pathlib import Path as FilePath

import msgspec

from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, MapOf, Shape
from guardhouse.policy.sections import issuer_checks
from guardhouse.policy.sections.issuers import ISSUER_NAME, ISSUER_SHAPE, IssuerEntry, resolved_issuer
from guardhouse.policy.settings import Identity, OwnTokens


class IdentityEntry(msgspec.Struct, frozen=True, kw_only=True):
    stale_after: float = 900.0
    tokens: OwnTokens = OwnTokens()
    issuers: dict[str, IssuerEntry] = {}


_TOKENS = Shape(
    OwnTokens,
    {
        "lifetime": Key(kinds.DURATION, "How long a token that the gateway mints lives, unless asked otherwise."),
        "longest": Key(kinds.DURATION, "How long it may live at most."),
        "rate": Key(kinds.RATE, "How many are minted for one principal, whatever credentials it has."),
        "live": Key(kinds.Whole(1, 1_000_000), "How many of one principal may be alive at once."),
    },
)

IDENTITY = Shape(
    IdentityEntry,
    {
        "stale_after": Key(kinds.DURATION, "How long workers go on with the keys they last saw published."),
        "tokens": Key(_TOKENS, "The tokens that the gateway mints itself."),
        "issuers": Key(MapOf(ISSUER_NAME, ISSUER_SHAPE), "Whose tokens are accepted, by a name of your choosing."),
    },
)


def resolved(entry: IdentityEntry, base: FilePath) -> Identity:
    """What the processes run on: presets filled in, paths absolute from `base`."""
    issuers = {name: resolved_issuer(name, issuer, base) for name, issuer in entry.issuers.items()}
    return Identity(stale_after=entry.stale_after, tokens=entry.tokens, issuers=issuers)


def files_of(entry: IdentityEntry) -> Iterator[tuple[Path, FilePath]]:
    """The files that must be readable, each with its place."""
    for name, issuer in entry.issuers.items():
        for key in ("file", "authorities", "token_file"):
            file: FilePath | None = getattr(issuer.keys, key)
            if file is not None:
                yield ("issuers", name, "keys", key), file


def findings(entry: IdentityEntry) -> Iterator[tuple[Path, str]]:
    """What is wrong with the section as a whole."""
    if entry.tokens.lifetime > entry.tokens.longest:
        yield ("tokens", "lifetime"), "is longer than tokens.longest"
    for path, message in issuer_checks.findings(entry.issuers):
        yield ("issuers", *path), message
