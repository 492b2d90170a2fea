"""Parts of a policy that can never do anything.

Somebody wrote them to have an effect, so they are mistakes, and the dangerous kind: protection that is believed in and
is not there. Judged here is one policy by itself; that its patterns match nothing is found in checks.py. The defaults
are not judged, only what is said.
"""

from collections.abc import Iterator

from guardhouse.model.operation import Operation
from guardhouse.policy.document import Mask, PolicyEntry
from guardhouse.policy.problem import Path, quote

Finding = tuple[Path, str]

_NO_TEXT_BACK = {Operation.EMBEDDINGS, Operation.MODELS_READ}


def inert_policy(policy: PolicyEntry) -> Iterator[Finding]:
    """What has no effect, at its place inside the policy."""
    yield from _who(policy)
    yield from _limits(policy)
    yield from _mask(policy)
    if policy.unknown_fields == "refuse" and _reads_only(policy):
        yield ("unknown_fields",), "has no effect: models.read has no request fields"
    yield from _covered(policy)


def _who(policy: PolicyEntry) -> Iterator[Finding]:
    ids, groups = policy.who.ids, policy.who.groups
    if not ids and not groups:
        yield ("who",), 'speaks of nobody; name ids or groups, or say ids: ["*"] for everybody who is identified'
    if "*" in ids and len(ids) > 1:
        yield ("who", "ids"), 'other ids have no effect beside "*"'
    if "*" in ids and groups:
        yield ("who", "groups"), 'groups have no effect beside ids: ["*"]'


def _limits(policy: PolicyEntry) -> Iterator[Finding]:
    if policy.limits is None:
        return
    if policy.limits.requests is None and policy.limits.tokens is None:
        yield ("limits",), "limits nothing; name requests or tokens"
    if policy.limits.tokens is not None and _reads_only(policy):
        yield ("limits", "tokens"), "has no effect: models.read uses no tokens"


def _mask(policy: PolicyEntry) -> Iterator[Finding]:
    mask = policy.mask
    if mask is None:
        return
    if _reads_only(policy):
        yield ("mask",), "has no effect: models.read carries no text"
    elif not mask.entities and mask.where != Mask().where:
        yield ("mask", "where"), "has no effect: entities is empty, so nothing is masked anywhere"
    elif mask.entities and mask.where == ("response",) and set(policy.may) <= _NO_TEXT_BACK:
        yield ("mask", "where"), "has no effect: the answers of these operations carry no text"


def _covered(policy: PolicyEntry) -> Iterator[Finding]:
    if "*" in policy.models and len(policy.models) > 1:
        others = ", ".join(quote(glob) for glob in policy.models if glob != "*")
        yield ("models",), f'{others} adds nothing beside "*"'


def _reads_only(policy: PolicyEntry) -> bool:
    return set(policy.may) == {Operation.MODELS_READ}
