"""How far a policy reaches: whom it speaks of and of what, as sets that can be compared with those of another.

Judged from what is written, and each answer errs on one side only. `covers` never says that a policy applies wherever
another does if it does not; `may_meet` never says that two policies apply to no use together if they may.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from guardhouse.model.operation import Operation
from guardhouse.policy.document import Document, PolicyEntry
from guardhouse.policy.granting import grant_of
from guardhouse.policy.sections.may import operations_of
from guardhouse.policy.sections.when import When
from guardhouse.policy.sections.who import Who
from guardhouse.policy.selecting import models_of
from guardhouse.policy.snapshot import Grant

EVERYBODY = ("ids", "*")

_OPERATION_BITS = {operation: number for number, operation in enumerate(Operation)}
_UNITED = ("ids", "groups", "roles", "teams")


class Reach(msgspec.Struct, frozen=True):
    number: int  # of the policy in the file
    entry: PolicyEntry
    operations: int  # as bits, and so are the models
    models: int
    when: When
    grant: Grant


def reaches_of(numbered: Iterable[tuple[int, PolicyEntry]], document: Document) -> Iterator[Reach]:
    bits = {name: 1 << number for number, name in enumerate(document.models)}
    for number, entry in numbered:
        yield Reach(
            number=number,
            entry=entry,
            operations=sum(1 << _OPERATION_BITS[operation] for operation in operations_of(entry.may, entry.effect)),
            models=sum(bits[name] for name in models_of(entry, document)),
            when=msgspec.structs.replace(entry.when or When(), region=()),  # which models_of has taken in
            grant=grant_of(entry, document),
        )


def covers(wide: Reach, narrow: Reach) -> bool:
    """Whether `wide` applies wherever `narrow` does."""
    return (
        not narrow.operations & ~wide.operations
        and not narrow.models & ~wide.models
        and wide.when in (When(), narrow.when)
        and wide.entry.if_feature in (None, narrow.entry.if_feature)
        and wide.entry.join.items() <= narrow.entry.join.items()
        and means_all(wide.entry.who, narrow.entry.who)
    )


def means_all(wide: Who, narrow: Who) -> bool:
    beyond = narrow.everybody or any(set(getattr(narrow, name)) - set(getattr(wide, name)) for name in _UNITED)
    return (
        (wide.everybody or not beyond)
        and set(wide.scopes) <= set(narrow.scopes)
        and _within(wide.tiers, narrow.tiers)
        and _within(wide.methods, narrow.methods)
        and _within(wide.issuers, narrow.issuers)
        and wide.strength in (None, narrow.strength)
        and all(_within(held, narrow.attributes.get(name, ())) for name, held in wide.attributes.items())
    )


def _within(wide: tuple[Any, ...], narrow: tuple[Any, ...]) -> bool:
    """Whether a selector of these values lets pass all that one of those does; an empty one lets pass everything."""
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def names_in(who: Who) -> Iterator[tuple[str, str]]:
    if who.everybody:
        yield EVERYBODY
        return
    for name in _UNITED:
        for value in getattr(who, name):
            yield name, value


def may_meet(one: Reach, other: Reach) -> bool:
    """Whether some use of some principal may be spoken of by both."""
    mine, its = one.entry.who, other.entry.who
    return (
        bool(one.operations & other.operations and one.models & other.models)
        and not _apart(mine.tiers, its.tiers)
        and not _apart(mine.methods, its.methods)
        and not _apart(mine.issuers, its.issuers)
        and not _apart(_one(mine.strength), _one(its.strength))
        and not _of_others(mine, its)
    )


def _one(word: str | None) -> tuple[str, ...]:
    return () if word is None else (word,)


def _apart(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return bool(one and other) and set(one).isdisjoint(other)


def _of_others(one: Who, other: Who) -> bool:
    """Each principal has one id and one team: two policies that name nothing else, and other ones, never meet."""
    if one.everybody or other.everybody:
        return False
    for name in ("ids", "teams"):
        rest = [key for key in _UNITED if key != name]
        if not any(getattr(who, key) for who in (one, other) for key in rest):
            return set(getattr(one, name)).isdisjoint(getattr(other, name))
    return False
