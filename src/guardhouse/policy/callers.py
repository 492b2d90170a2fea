"""Which policies speak of a principal: `who`, indexed.

For each way to be meant there is a table from a value to the policies that name it. The union of what a principal's id,
groups, roles and team lead to is then cut down by the selectors that narrow: for each of those, the policies that it
leaves are those that do not ask and those that ask for what the principal has. So the cost follows from how much there
is to know of a principal and from how many different things are asked for, not from the number of policies.

A policy that waits for a feature (sections/features.py) does not speak of those for whom it is not on.

A principal is one object for as long as its credential stays the same, so the answer is kept by its identity. What is
kept is bounded; when it is full it is begun anew.
"""

from collections.abc import Iterable, Sequence

from guardhouse.model.principal import Principal
from guardhouse.policy.sections.features import NO_FEATURES, Features
from guardhouse.policy.sections.who import SETS, WORDS, Who

Policies = int
Table = dict[str, Policies]

_MOST_KNOWN = 16_384


class Callers:
    __slots__ = (
        "_features",
        "_known",
        "_narrowings",
        "_scopes",
        "everybody",
        "groups",
        "ids",
        "narrowed",
        "roles",
        "teams",
    )

    def __init__(self, whos: Sequence[Who], features: Features = NO_FEATURES) -> None:
        """`whos[n]` is that of policy n."""
        self._features = features
        self.everybody: Policies = sum(1 << number for number, who in enumerate(whos) if who.everybody)
        self.ids = index([set(who.ids) - {"*"} for who in whos])
        self.groups = index([who.groups for who in whos])
        self.roles = index([who.roles for who in whos])
        self.teams = index([who.teams for who in whos])
        self.narrowed: Policies = sum(1 << number for number, who in enumerate(whos) if who.narrowed)
        self._scopes = index([who.scopes for who in whos])
        self._narrowings = _narrowings(whos)
        self._known: dict[int, tuple[Principal, Policies]] = {}

    def __repr__(self) -> str:
        return f"<Callers, {len(self._known)} known>"

    def policies_of(self, principal: Principal) -> Policies:
        known = self._known.get(id(principal))
        if known is not None and known[0] is principal:
            return known[1]
        own = self.work_out(principal)
        if len(self._known) >= _MOST_KNOWN:
            self._known = {}
        self._known[id(principal)] = (principal, own)
        return own

    def work_out(self, principal: Principal) -> Policies:
        own = self.everybody | self.ids.get(principal.id, 0)
        if principal.groups:
            own |= _any_of(self.groups, principal.groups)
        if principal.roles:
            own |= _any_of(self.roles, principal.roles)
        if principal.team:
            own |= self.teams.get(principal.team, 0)
        if own & self._features.policies:
            own &= ~self._features.switched_off(principal.id)
        return self._narrow(own, principal) if own & self.narrowed else own

    def _narrow(self, own: Policies, principal: Principal) -> Policies:
        for scope, asking in self._scopes.items():
            if scope not in principal.scopes:
                own &= ~asking
        for name, asking, table in self._narrowings:
            if own & asking:
                own &= ~asking | _any_of(table, values_of(principal, name))
        return own


def values_of(principal: Principal, name: str) -> frozenset[str]:
    """A member of a principal, or one of its attributes, as a set; empty when it is not known."""
    if name in SETS:
        held: frozenset[str] = getattr(principal, name)
        return held
    if name in WORDS:
        word: str = getattr(principal, name)
        return frozenset((word,)) if word else _NONE
    return principal.attributes.get(name, _NONE)


def index(named: Sequence[Iterable[str]]) -> Table:
    """For each thing that any policy names, all policies that name it."""
    table: Table = {}
    for number, things in enumerate(named):
        for thing in things:
            table[thing] = table.get(thing, 0) | 1 << number
    return table


_NONE: frozenset[str] = frozenset()


def _narrowings(whos: Sequence[Who]) -> list[tuple[str, Policies, Table]]:
    """For each member or attribute that is asked for: its name, who asks, and who is content with which value."""
    asked: dict[str, list[Iterable[str]]] = {
        "tier": [who.tiers for who in whos],
        "method": [who.methods for who in whos],
        "strength": [(who.strength,) if who.strength else () for who in whos],
        "issuer": [who.issuers for who in whos],
    }
    for name in sorted({name for who in whos for name in who.attributes}):
        asked[name] = [who.attributes.get(name, ()) for who in whos]
    tables = [(name, index(values)) for name, values in asked.items()]
    return [(name, _union(table.values()), table) for name, table in tables if table]


def _any_of(table: Table, values: Iterable[str]) -> Policies:
    found = 0
    for value in values:
        found |= table.get(value, 0)
    return found


def _union(sets: Iterable[Policies]) -> Policies:
    united = 0
    for one in sets:
        united |= one
    return united
