"""Policies that change nothing because of other policies.

An allowance all of whose uses are denied whatever the circumstances, a denial within another, a policy that adds
nothing to one that applies wherever it does: somebody wrote them to have an effect and relies on it. Of two that are
equal, the later one is told.

Candidates are found by one of the things that a policy's `who` names, so that a thousand policies are compared in
little more than the time that it takes to read them.
"""

from collections.abc import Iterable, Iterator

from guardhouse.policy.document import Document, PolicyEntry
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.reach import EVERYBODY, Reach, covers, names_in, reaches_of
from guardhouse.residency.keeping import Keep


def redundant(numbered: Iterable[tuple[int, PolicyEntry]], document: Document) -> Iterator[tuple[Path, str]]:
    rules = list(reaches_of(numbered, document))
    named: dict[tuple[str, str], list[Reach]] = {}
    for rule in rules:
        for key in names_in(rule.entry.who):
            named.setdefault(key, []).append(rule)
    for rule in rules:
        first = next(iter(names_in(rule.entry.who)), EVERYBODY)
        near = named.get(first, []) if first == EVERYBODY else [*named.get(EVERYBODY, []), *named.get(first, [])]
        message = next(_messages(rule, near), None)
        if message is not None:
            yield ("policies", rule.number), message


def _messages(rule: Reach, near: list[Reach]) -> Iterator[str]:
    for other in near:
        if other is rule or not covers(other, rule):
            continue
        if other.entry.effect == "deny" != rule.entry.effect:
            yield f"has no effect: the policy {quote(other.entry.name)} denies all of it"
        elif _adds_nothing(rule, other) and not (other.number > rule.number and _equal(rule, other)):
            yield f"adds nothing to the policy {quote(other.entry.name)}, which covers it"


def _equal(rule: Reach, other: Reach) -> bool:
    return covers(rule, other) and _adds_nothing(other, rule)


def _adds_nothing(rule: Reach, other: Reach) -> bool:
    """Whether what `rule` brings about follows from `other` wherever both apply."""
    if "deny" in (rule.entry.effect, other.entry.effect) or (rule.entry.effect, other.entry.effect) == _ALLOWS_MORE:
        return rule.entry.effect == other.entry.effect
    mine, its = rule.grant, other.grant
    return (
        not mine.limits
        and not mine.mask_request & ~its.mask_request
        and not mine.mask_response & ~its.mask_response
        and (its.refuse_unknown_fields or not mine.refuse_unknown_fields)
        and (its.signed or not mine.signed)
        and _AGAINST_INJECTIONS.index(mine.injection) <= _AGAINST_INJECTIONS.index(its.injection)
        and not mine.approvals
        and (mine.route is None or mine.route == its.route)
        and _keeps_no_more(mine.keep, its.keep)
        and set(mine.flags) <= set(its.flags)
    )


def _keeps_no_more(mine: Keep, its: Keep) -> bool:
    """By whom it is said does not count."""
    held = {(requirement.of, requirement.within, requirement.own) for requirement in its}
    return all((requirement.of, requirement.within, requirement.own) in held for requirement in mine)


_ALLOWS_MORE = ("allow", "restrict")
_AGAINST_INJECTIONS = ("", "flag", "block")
