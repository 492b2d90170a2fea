"""Parts of a policy that can never do anything.

Somebody wrote them to have an effect, so they are mistakes, and the dangerous kind: protection that is believed in and
is not there. Judged here is one policy by itself; that its patterns match nothing is found in naming.py, and that other
policies leave nothing for it to do in redundant.py. The defaults are not judged, only what is said.
"""

from collections.abc import Iterator

import msgspec

from guardhouse.model.operation import ON_MODELS
from guardhouse.policy.cel.expression import faults, variables_of
from guardhouse.policy.document import PolicyEntry
from guardhouse.policy.inert_effects import inert_effects, sends_fields
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.sections import when, who
from guardhouse.policy.sections.effects import Effects, said

Finding = tuple[Path, str]

_OF_A_PROMPT = ("size", "risk", "stream", "tools")


def inert_policy(policy: PolicyEntry) -> Iterator[Finding]:
    """What has no effect, at its place inside the policy."""
    yield from ((("who", *place), message) for place, message in who.findings(policy.who))
    yield from _models(policy)
    yield from _when(policy)
    yield from _join(policy)
    written = [*(["use"] if policy.use else []), *said(policy)]
    if policy.effect == "deny":
        yield from (((key,), "has no effect: the policy denies") for key in written)
        return
    if policy.effect == "restrict" and not written:
        keys = [field.name for field in msgspec.structs.fields(Effects)]
        yield ("effect",), f"restricts nothing; say use, {', '.join(keys[:-1])} or {keys[-1]}"
    yield from inert_effects(policy, policy)


def _models(policy: PolicyEntry) -> Iterator[Finding]:
    concerned = not ON_MODELS.isdisjoint(policy.may)
    if concerned and not policy.models:
        yield ("models",), 'names no model; say models: ["*"] for all of them'
    if policy.models and not concerned:
        yield ("models",), "has no effect: none of these operations concerns a model"
    if "*" in policy.models and len(policy.models) > 1:
        others = ", ".join(quote(glob) for glob in policy.models if glob != "*")
        yield ("models",), f'{others} adds nothing beside "*"'


def _join(policy: PolicyEntry) -> Iterator[Finding]:
    if policy.join and ON_MODELS.isdisjoint(policy.may):
        yield ("join",), "joins principals to models, and these operations concern none"


def _when(policy: PolicyEntry) -> Iterator[Finding]:
    if policy.when is None:
        return
    yield from ((("when", *place), message) for place, message in when.findings(policy.when))
    if not sends_fields(policy):
        for key in _OF_A_PROMPT:
            if getattr(policy.when, key) is not None:
                yield ("when", key), "is known of prompts only, and these operations have none"
        if policy.when.cel and faults(policy.when.cel) is None:
            for name in sorted(variables_of(policy.when.cel).intersection(_OF_A_PROMPT)):
                yield ("when", "cel"), f"{name} is known of prompts only, and these operations have none"
    if policy.when.region and ON_MODELS.isdisjoint(policy.may):
        yield ("when", "region"), "is known of models only, and these operations concern none"
