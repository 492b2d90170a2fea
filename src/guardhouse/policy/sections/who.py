"""`who` of a policy: whom it speaks of.

`ids`, `groups`, `roles` and `teams` are a union, and at least one of them is there. Everything else narrows that union:
each key that is written must hold. A principal's empty member satisfies no selector, so what a method of identification
knows nothing of never matches by accident. callers.py indexes this and trace.py explains it.
"""

from collections.abc import Iterator

import msgspec

from guardhouse.model.principal import Method, Strength
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, ListOf, MapOf, Shape

# the members of a principal that a policy can speak of by name; no attribute is called like one of them
SETS = frozenset(("groups", "roles", "scopes"))
WORDS = frozenset(("id", "team", "tier", "method", "strength", "issuer"))

_UNITED = ("groups", "roles", "teams")  # what adds to `ids`


class Who(msgspec.Struct, frozen=True, kw_only=True):
    ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    methods: tuple[Method, ...] = ()
    strength: Strength | None = None
    issuers: tuple[str, ...] = ()
    attributes: dict[str, tuple[str, ...]] = {}

    @property
    def everybody(self) -> bool:
        return "*" in self.ids

    @property
    def narrowed(self) -> bool:
        return bool(self.scopes or self.tiers or self.methods or self.strength or self.issuers or self.attributes)


def _named(what: str) -> kinds.Text:
    return kinds.Text(r"[^\s*\x00-\x1f\x7f]{1,128}", f'{what}; one has no blanks, and everybody is said as ids: ["*"]')


METHODS: dict[str, Method] = {"api_key": "api_key", "oidc": "oidc", "mtls": "mtls", "token": "token"}
STRENGTHS: dict[str, Strength] = {"single": "single", "strong": "strong"}

WHO = Shape(
    Who,
    {
        "ids": Key(ListOf(kinds.PRINCIPAL), 'Principals by id; "*" alone is everybody who is identified.'),
        "groups": Key(ListOf(kinds.GROUP), "Principals by group; being in one is enough."),
        "roles": Key(ListOf(_named("a role")), "Principals by role; having one is enough."),
        "teams": Key(ListOf(_named("a team")), "Principals by team."),
        "scopes": Key(ListOf(_named("a scope")), "Of those, who has every one of these scopes."),
        "tiers": Key(ListOf(_named("a tier")), "Of those, who is of one of these tiers."),
        "methods": Key(ListOf(kinds.Choice("method", METHODS)), "Of those, who was identified in one of these ways."),
        "strength": Key(
            kinds.Choice("strength", STRENGTHS),
            "Of those, whose identification is this strong: by several factors or a key that cannot be copied, or not.",
        ),
        "issuers": Key(ListOf(_named("an issuer")), "Of those, for whom one of these configured issuers vouches."),
        "attributes": Key(
            MapOf(kinds.ATTRIBUTE, ListOf(kinds.ATTRIBUTE_VALUE)),
            "Of those, who has one of the listed values in each attribute that is named.",
        ),
    },
)


def findings(who: Who) -> Iterator[tuple[Path, str]]:
    """What of it can never do anything, at its place inside `who`."""
    if not who.ids and not any(getattr(who, name) for name in _UNITED):
        yield (
            (),
            'speaks of nobody; name ids, groups, roles or teams, or say ids: ["*"] for everybody who is identified',
        )
    if who.everybody:
        if len(who.ids) > 1:
            yield ("ids",), 'other ids have no effect beside "*"'
        for name in _UNITED:
            if getattr(who, name):
                yield (name,), f'{name} have no effect beside ids: ["*"]'
    if set(who.methods) == METHODS.keys():
        yield ("methods",), "narrows nothing: these are all methods there are"
    for name in who.attributes:
        if name in SETS | WORDS:
            yield ("attributes", name), "is no attribute but a member of every principal; who has a key for it"
    if who.issuers and who.methods and not {"oidc", "token"} & set(who.methods):
        yield ("issuers",), "matches nobody: an issuer vouches for oidc and token, which methods leaves out"


def describe(who: Who) -> str:
    """Whom it speaks of, on one line."""
    if who.everybody:
        named = "everybody"
    else:
        keys = [(key.removesuffix("s"), key, getattr(who, key)) for key in ("ids", *_UNITED)]
        named = " or ".join(
            f"{one if len(values) == 1 else several} {', '.join(values)}" for one, several, values in keys if values
        )
    rest = [(key.removesuffix("s"), getattr(who, key)) for key in ("scopes", "tiers", "methods", "issuers")]
    rest += [("strength", (who.strength,) if who.strength else ()), *who.attributes.items()]
    return ", ".join([named, *(f"{key} {' or '.join(values)}" for key, values in rest if values)])
