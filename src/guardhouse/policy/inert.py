"""Parts of a policy that can never do anything.

Somebody wrote them to have an effect, so they are mistakes, and the dangerous kind: protection that is believed in and
is not there. Judged here is one policy by itself; that its patterns match nothing is found in checks.py. The defaults
are not judged, only what is said.
"""

from collections.abc import Iterator

from guardhouse.model.operation import ON_MODELS, Operation
from guardhouse.policy.cel.expression import faults, variables_of
from guardhouse.policy.document import Mask, PolicyEntry
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.sections import limits, when, who

Finding = tuple[Path, str]

_NO_TEXT_BACK = {Operation.EMBEDDINGS, Operation.MODELS_READ}
_WITH_A_GRANT = ("limits", "mask", "unknown_fields")  # what comes with an allowance
_OF_A_PROMPT = ("size", "risk", "stream", "tools")


def inert_policy(policy: PolicyEntry) -> Iterator[Finding]:
    """What has no effect, at its place inside the policy."""
    yield from ((("who", *place), message) for place, message in who.findings(policy.who))
    yield from _models(policy)
    yield from _when(policy)
    if policy.effect == "deny":
        yield from (((key,), "has no effect: the policy denies") for key in _said(policy))
        return
    if policy.effect == "restrict" and not _said(policy):
        yield ("effect",), f"restricts nothing; say {' or '.join(_WITH_A_GRANT)}"
    yield from _limits(policy)
    yield from _mask(policy)
    if policy.unknown_fields == "refuse" and not _sends_fields(policy):
        yield ("unknown_fields",), f"has no effect: {_naming(policy)} no request fields"


def _said(policy: PolicyEntry) -> list[str]:
    """The keys that say what comes with an allowance, those at their defaults left out."""
    defaults = {"limits": None, "mask": None, "unknown_fields": "pass"}
    return [key for key in _WITH_A_GRANT if getattr(policy, key) != defaults[key]]


def _models(policy: PolicyEntry) -> Iterator[Finding]:
    concerned = not ON_MODELS.isdisjoint(policy.may)
    if concerned and not policy.models:
        yield ("models",), 'names no model; say models: ["*"] for all of them'
    if policy.models and not concerned:
        yield ("models",), "has no effect: none of these operations concerns a model"
    if "*" in policy.models and len(policy.models) > 1:
        others = ", ".join(quote(glob) for glob in policy.models if glob != "*")
        yield ("models",), f'{others} adds nothing beside "*"'


def _when(policy: PolicyEntry) -> Iterator[Finding]:
    if policy.when is None:
        return
    yield from ((("when", *place), message) for place, message in when.findings(policy.when))
    if not _sends_fields(policy):
        for key in _OF_A_PROMPT:
            if getattr(policy.when, key) is not None:
                yield ("when", key), "is known of prompts only, and these operations have none"
        if policy.when.cel and faults(policy.when.cel) is None:
            for name in sorted(variables_of(policy.when.cel).intersection(_OF_A_PROMPT)):
                yield ("when", "cel"), f"{name} is known of prompts only, and these operations have none"
    if policy.when.region and ON_MODELS.isdisjoint(policy.may):
        yield ("when", "region"), "is known of models only, and these operations concern none"


def _limits(policy: PolicyEntry) -> Iterator[Finding]:
    if policy.limits is None:
        return
    if ON_MODELS.isdisjoint(policy.may):
        yield ("limits",), "has no effect: only uses of models are limited"
        return
    for place, message in limits.findings(policy.limits, uses_tokens=_sends_fields(policy)):
        yield ("limits", *place), message


def _mask(policy: PolicyEntry) -> Iterator[Finding]:
    mask = policy.mask
    if mask is None:
        return
    if not _sends_fields(policy):
        yield ("mask",), f"has no effect: {_naming(policy)} no text"
    elif not mask.entities and policy.effect == "restrict":
        yield ("mask",), "has no effect: a restriction can only add to what is masked"
    elif not mask.entities and mask.where != Mask().where:
        yield ("mask", "where"), "has no effect: entities is empty, so nothing is masked anywhere"
    elif mask.entities and mask.where == ("response",) and not set(policy.may) - _NO_TEXT_BACK - _ADMINISTERING:
        yield ("mask", "where"), "has no effect: the answers of these operations carry no text"


_ADMINISTERING = set(Operation) - ON_MODELS


def _naming(policy: PolicyEntry) -> str:
    """Operations that send nothing, as the beginning of a sentence."""
    return f"{policy.may[0].word} has" if len(policy.may) == 1 else "these operations have"


def _sends_fields(policy: PolicyEntry) -> bool:
    return any(operation.access == "infer" for operation in policy.may)
