"""Decisions as tests ask for them, and policies that they are asked of."""

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.policy import decide as deciding
from guardhouse.policy.facts import NO_FACTS, Facts
from guardhouse.policy.snapshot import Grant, Refusal, Snapshot
from guardhouse.policy.visible import visible_models

RESEARCH = {
    "name": "research",
    "who": {"ids": ["alice"], "groups": ["research"]},
    "may": ["chat", "models.read"],
    "models": ["llama-*"],
    "limits": {"requests": "60/min"},
    "mask": {"entities": ["email"], "where": ["request"]},
}
STRICT = {
    "name": "strict",
    "who": {"ids": ["*"]},
    "may": ["chat"],
    "models": ["llama-8b"],
    "limits": {"tokens": "200k/day"},
    "unknown_fields": "refuse",
}
ALL = {"name": "all", "who": {"ids": ["*"]}, "may": ["infer", "read"], "models": ["*"]}
NO_QWEN = {"name": "no qwen", "effect": "deny", "who": {"groups": ["g"]}, "may": ["chat"], "models": ["qwen"]}


def decide(
    snapshot: Snapshot, principal: Principal, operation: Operation, model: str | None, facts: Facts = NO_FACTS
) -> Grant | Reason:
    decision = deciding.decide(snapshot, principal, operation, model, facts)
    return decision.reason if isinstance(decision, Refusal) else decision


def granted(decision: Grant | Reason) -> Grant:
    assert isinstance(decision, Grant)
    return decision


def by(decision: Grant | Refusal) -> tuple[Reason, tuple[str, ...]]:
    assert isinstance(decision, Refusal)
    return decision.reason, decision.policies


def shown(snapshot: Snapshot, principal: Principal) -> list[str]:
    return list(visible_models(snapshot, principal, "openai"))
