"""Policies that change nothing because of other policies.

An allowance all of whose uses are denied whatever the circumstances, a denial within another, a policy that adds
nothing to one that applies wherever it does: somebody wrote them to have an effect and relies on it. Of two that are
equal, the later one is told.

"Covers" is judged from what is written, so it errs on one side only: it never says that a policy is covered which is
not. Candidates are found by one of the things that a policy's `who` names, so that a thousand policies are compared in
little more than the time that it takes to read them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from guardhouse.model.operation import Operation
from guardhouse.policy.document import Document, PolicyEntry
from guardhouse.policy.granting import grant_of
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.sections.when import When
from guardhouse.policy.sections.who import Who
from guardhouse.policy.selecting import models_of
from guardhouse.policy.snapshot import Grant

_OPERATION_BITS = {operation: number for number, operation in enumerate(Operation)}
_UNITED = ("ids", "groups", "roles", "teams")
_EVERYBODY = ("ids", "*")


class _Rule(msgspec.Struct, frozen=True):
    number: int  # in the file
    entry: PolicyEntry
    operations: int  # as bits, and so are the models
    models: int
    when: When
    grant: Grant


def redundant(numbered: Iterable[tuple[int, PolicyEntry]], document: Document) -> Iterator[tuple[Path, str]]:
    rules = list(_rules(numbered, document))
    named: dict[tuple[str, str], list[_Rule]] = {}
    for rule in rules:
        for key in _names(rule.entry.who):
            named.setdefault(key, []).append(rule)
    for rule in rules:
        first = next(iter(_names(rule.entry.who)), _EVERYBODY)
        near = named.get(first, []) if first == _EVERYBODY else [*named.get(_EVERYBODY, []), *named.get(first, [])]
        message = next(_messages(rule, near), None)
        if message is not None:
            yield ("policies", rule.number), message


def _messages(rule: _Rule, near: list[_Rule]) -> Iterator[str]:
    for other in near:
        if other is rule or not _covers(other, rule):
            continue
        if other.entry.effect == "deny" != rule.entry.effect:
            yield f"has no effect: the policy {quote(other.entry.name)} denies all of it"
        elif _adds_nothing(rule, other) and not (other.number > rule.number and _equal(rule, other)):
            yield f"adds nothing to the policy {quote(other.entry.name)}, which covers it"


def _equal(rule: _Rule, other: _Rule) -> bool:
    return _covers(rule, other) and _adds_nothing(other, rule)


def _adds_nothing(rule: _Rule, other: _Rule) -> bool:
    """Whether what `rule` brings about follows from `other` wherever both apply."""
    if "deny" in (rule.entry.effect, other.entry.effect) or (rule.entry.effect, other.entry.effect) == _ALLOWS_MORE:
        return rule.entry.effect == other.entry.effect
    mine, its = rule.grant, other.grant
    return (
        not mine.limits
        and not mine.mask_request & ~its.mask_request
        and not mine.mask_response & ~its.mask_response
        and (its.refuse_unknown_fields or not mine.refuse_unknown_fields)
        and not mine.approvals
        and (mine.route is None or mine.route == its.route)
        and set(mine.flags) <= set(its.flags)
    )


_ALLOWS_MORE = ("allow", "restrict")


def _covers(wide: _Rule, narrow: _Rule) -> bool:
    """Whether `wide` applies wherever `narrow` does."""
    return (
        not narrow.operations & ~wide.operations
        and not narrow.models & ~wide.models
        and wide.when in (When(), narrow.when)
        and wide.entry.if_feature in (None, narrow.entry.if_feature)
        and wide.entry.join.items() <= narrow.entry.join.items()
        and _means_all(wide.entry.who, narrow.entry.who)
    )


def _means_all(wide: Who, narrow: Who) -> bool:
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


def _names(who: Who) -> Iterator[tuple[str, str]]:
    if who.everybody:
        yield _EVERYBODY
        return
    for name in _UNITED:
        for value in getattr(who, name):
            yield name, value


def _rules(numbered: Iterable[tuple[int, PolicyEntry]], document: Document) -> Iterator[_Rule]:
    bits = {name: 1 << number for number, name in enumerate(document.models)}
    for number, entry in numbered:
        yield _Rule(
            number=number,
            entry=entry,
            operations=sum(1 << _OPERATION_BITS[operation] for operation in set(entry.may)),
            models=sum(bits[name] for name in models_of(entry, document)),
            when=msgspec.structs.replace(entry.when or When(), region=()),  # which models_of has taken in
            grant=grant_of(entry, document),
        )
