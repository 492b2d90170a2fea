import pytest

from guardhouse.limits.rate import Rate
from guardhouse.model.entity import Entity
from guardhouse.model.operation import Operation
from guardhouse.policy.document import Effect, PolicyEntry
from guardhouse.policy.inert import inert_policy
from guardhouse.policy.problem import dotted
from guardhouse.policy.sections.effects import Mask, Side
from guardhouse.policy.sections.limits import Limits
from guardhouse.policy.sections.when import Range, When
from guardhouse.policy.sections.who import Who

CHAT, READ, EMBED = Operation.CHAT, Operation.MODELS_READ, Operation.EMBEDDINGS
KEYS = Operation.KEYS_READ
RATE = Rate(1, 1.0)


def policy(
    *,
    who: Who = Who(ids=("alice",)),  # noqa: B008 - frozen
    may: tuple[Operation, ...] = (CHAT,),
    models: tuple[str, ...] = ("small",),
    limits: Limits | None = None,
    mask: Mask | None = None,
    effect: Effect = "allow",
    when: When | None = None,
) -> PolicyEntry:
    return PolicyEntry(name="p", effect=effect, who=who, may=may, models=models, when=when, limits=limits, mask=mask)


def places(entry: PolicyEntry) -> list[str]:
    return [dotted(path) for path, _ in inert_policy(entry)]


@pytest.mark.parametrize(
    "entry",
    [
        policy(),
        policy(who=Who(ids=("*",))),
        policy(who=Who(groups=("g",))),
        policy(may=(READ,)),
        policy(may=(READ,), limits=Limits(requests=RATE)),
        policy(limits=Limits(tokens=RATE)),
        policy(may=(READ, EMBED), limits=Limits(tokens=RATE)),
        policy(mask=Mask(entities=())),
        policy(may=(EMBED,), mask=Mask(entities=(Entity.EMAIL,))),
        policy(may=(EMBED, CHAT), mask=Mask(where=("response",))),
        policy(models=("*",)),
        policy(effect="deny"),
        policy(effect="restrict", mask=Mask()),
        policy(effect="restrict", limits=Limits(requests=RATE)),
        policy(may=(KEYS,), models=()),
        policy(when=When(risk=Range(at_least=7))),
        policy(may=(READ,), when=When(network=("office",))),
    ],
)
def test_a_policy_that_can_act_is_left_alone(entry: PolicyEntry) -> None:
    assert places(entry) == []


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        (policy(who=Who()), "who"),
        (policy(who=Who(ids=("*", "alice"))), "who.ids"),
        (policy(who=Who(ids=("*",), groups=("g",))), "who.groups"),
        (policy(limits=Limits()), "limits"),
        (policy(may=(READ,), limits=Limits(tokens=RATE)), "limits.tokens"),
        (policy(may=(READ,), mask=Mask()), "mask"),
        (policy(may=(EMBED,), mask=Mask(where=("response",))), "mask.where"),
        (policy(may=(EMBED, READ), mask=Mask(where=("response",))), "mask.where"),
        (policy(models=("small", "*")), "models"),
        (policy(models=()), "models"),
        (policy(may=(KEYS,)), "models"),
        (policy(may=(KEYS,), models=(), limits=Limits(requests=RATE)), "limits"),
        (policy(may=(KEYS,), models=(), mask=Mask()), "mask"),
        (policy(may=(KEYS,), models=(), when=When(region=("eu",))), "when.region"),
        (policy(may=(READ,), when=When(risk=Range(at_least=7))), "when.risk"),
        (policy(effect="deny", limits=Limits(requests=RATE)), "limits"),
        (policy(effect="deny", mask=Mask()), "mask"),
        (policy(effect="restrict"), "effect"),
        (policy(effect="restrict", mask=Mask(entities=())), "mask"),
    ],
)
def test_what_cannot_act_is_found_at_its_place(entry: PolicyEntry, place: str) -> None:
    assert places(entry) == [place]


@pytest.mark.parametrize("side", ["request", "response"])
def test_where_to_mask_nothing_is_inert(side: Side) -> None:
    assert places(policy(mask=Mask(entities=(), where=(side,)))) == ["mask.where"]


def test_refusing_unknown_fields_of_requests_without_fields_is_inert() -> None:
    entry = PolicyEntry(name="p", who=Who(ids=("a",)), may=(READ,), models=("m",), unknown_fields="refuse")
    assert places(entry) == ["unknown_fields"]
