"""What becomes of an exchange whose model server is busy: the next target, a turn in the queue, or a fallback.

Asked by `routing.choose`, and only for targets that have a capacity. The best target with room takes the exchange. If
none has any, callers of a tier with `fallback` go to one of the model's fallbacks, provided that the very same policies
allow them that model, that it has room, that it stands where the model stands, and that it costs no more where a budget
of money counts: then everything that was judged and reserved for the request holds for it too. All others wait for the
target that was meant for them. If that is drained meanwhile, they are dismissed and choose again among the others, with
what is left of their time. Whoever has waited too long, or has to make room for others, is refused with 503.

`leave` runs once for every exchange that had a slot, when it is closed; what it tells of the server is what an adaptive
capacity goes by.
"""

from collections.abc import Collection
from typing import Final

from guardhouse.audit.record import Event
from guardhouse.limits.book import Pending
from guardhouse.limits.capacity import rank_of
from guardhouse.limits.intake import Slot
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import DEFERRED
from guardhouse.model.reason import Reason
from guardhouse.path.authorization import facts_of
from guardhouse.path.choosing import candidates
from guardhouse.path.contracts import would_hold
from guardhouse.path.exchange import HELD, Detour, Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.path.targets import permitted
from guardhouse.path.versions import version_for
from guardhouse.path.wards import FAULTS
from guardhouse.policy.fallbacks import is_dearer, is_granted_alike
from guardhouse.policy.snapshot import Model, Target

_RETRY_AFTER: Final = 1.0
NONE_TRIED: Final[frozenset[str]] = frozenset()
_BUSY_STATUS: Final = frozenset((429, 503, 504, 529))
_FAILURES: Final = FAULTS | {Reason.UPSTREAM_SATURATED}


def enter(exchange: Exchange, plane: DataPlane) -> Verdict:
    """Find room, or hold the exchange until there is some. To be asked again after a wait."""
    before = slot = exchange.slot
    if slot is not None:
        if slot.inside:
            return None
        if not slot.dismissed:
            return _turn_away(exchange, plane, slot)
        exchange.slot = None
    model = exchange.model
    assert model is not None
    if go_on(exchange, plane, model, NONE_TRIED) or _relieve(exchange, plane, model):
        return None
    target = exchange.target
    assert target is not None
    slot = exchange.slot = _ask(exchange, plane, target)
    capacity = target.capacity
    if slot.left or capacity is None:
        return _turn_away(exchange, plane, slot)
    late = Denial(Reason.QUEUE_TIMEOUT, retry_after=_RETRY_AFTER)
    if before is not None:
        slot.came = before.came
    waited = plane.loop_time() - slot.came
    pending = exchange.waiting = Pending(max(0.0, capacity.queue.wait - waited), late)
    slot.called = pending.call
    plane.intakes.pump(slot.intake, plane.loop_time())  # sets the timer of a rate; nobody else can be let in now
    return HELD


def leave(exchange: Exchange, plane: DataPlane, denial: Denial | None) -> None:
    slot = exchange.slot
    if slot is None:
        return
    failed = exchange.status in _BUSY_STATUS or (denial is not None and denial.reason in _FAILURES)
    latency = exchange.started + exchange.first_byte - slot.since if exchange.first_byte else 0.0
    now = plane.loop_time()
    slot.intake.leave(slot, now, latency, failed=failed)
    plane.intakes.pump(slot.intake, now)


def go_on(exchange: Exchange, plane: DataPlane, model: Model, tried: Collection[str]) -> bool:
    """Give it to the best target of the model that was not tried and has room."""
    return any(
        _move(exchange, plane, target) for target in candidates(exchange, plane, model) if target.name not in tried
    )


def fall_back(exchange: Exchange, plane: DataPlane, model: Model, tried: Collection[str]) -> bool:
    """Give it to the best of the model's fallbacks that may have it and has room, under that model's name."""
    if not model.fallback or exchange.operation in DEFERRED:
        return False
    grant = exchange.grant
    assert grant is not None
    regions = {target.region for target in permitted(exchange, model)}
    for name in model.fallback:
        other = exchange.snapshot.models[name]
        if is_dearer(grant, model, other) or not _allowed(exchange, plane, other):
            continue
        if other.rules is not model.rules and not would_hold(exchange, other):
            continue
        for target in candidates(exchange, plane, other):
            if target.region in regions and target.name not in tried and _move(exchange, plane, target):
                detour = exchange.detour = exchange.detour or Detour()
                detour.instead_of = model.name
                exchange.model = other
                return True
    return False


def _relieve(exchange: Exchange, plane: DataPlane, model: Model) -> bool:
    """The model is busy: tiers that must not wait go to its fallbacks."""
    tiers = exchange.snapshot.tiers
    return tiers[rank_of(tiers, _tier(exchange))].fallback and fall_back(exchange, plane, model, NONE_TRIED)


def _move(exchange: Exchange, plane: DataPlane, target: Target) -> bool:
    """From where it could not stay, if anywhere, to `target`, if that has room."""
    before = exchange.slot
    if before is not None and target is exchange.target:
        return True
    if not _enter(exchange, plane, target):
        return False
    if before is not None:
        now = plane.loop_time()
        before.intake.leave(before, now, 0.0, failed=True)
        plane.intakes.pump(before.intake, now)
    return True


def _enter(exchange: Exchange, plane: DataPlane, target: Target) -> bool:
    if target.capacity is not None:
        tiers = exchange.snapshot.tiers
        intake = plane.intakes.of(target.name, target.capacity, tiers)
        if not intake.has_room(rank_of(tiers, _tier(exchange)), plane.loop_time()):
            return False
        exchange.slot = _ask(exchange, plane, target)
    else:
        exchange.slot = None
    exchange.target = target
    return True


def _ask(exchange: Exchange, plane: DataPlane, target: Target) -> Slot:
    assert exchange.principal is not None
    assert target.capacity is not None
    tiers = exchange.snapshot.tiers
    intake = plane.intakes.of(target.name, target.capacity, tiers)
    return intake.enter(exchange.principal.id, rank_of(tiers, _tier(exchange)), plane.loop_time())


def _allowed(exchange: Exchange, plane: DataPlane, other: Model) -> bool:
    """By the same policies, and not closed by an operator."""
    principal, operation, grant = exchange.principal, exchange.operation, exchange.grant
    assert principal is not None
    assert operation is not None
    assert grant is not None
    assert exchange.route is not None
    if version_for(exchange.route, other) is None:
        return False
    if plane.gates.closed and plane.gates.refuse_model(other.name, exchange.at) is not None:
        return False
    facts = facts_of(exchange)
    return is_granted_alike(exchange.snapshot, exchange.policies, principal, operation, other.name, facts, grant)


def _turn_away(exchange: Exchange, plane: DataPlane, slot: Slot) -> Denial:
    """The first of a while is an event; each is in its own record anyway."""
    target, intake = exchange.target, slot.intake
    if target is not None and plane.intakes.is_news(target.name, plane.loop_time()):
        facts: dict[str, str | int | float | bool] = {
            "target": target.name,
            "inside": intake.in_use,
            "limit": int(intake.limit),
            "waiting": intake.waiting,
        }
        model = "" if exchange.model is None else exchange.model.name
        plane.journal.append(
            Event(at=plane.now(), name="capacity.overloaded", severity="warning", model=model, facts=facts)
        )
    return Denial(Reason.OVERLOADED, retry_after=_RETRY_AFTER)


def _tier(exchange: Exchange) -> str:
    return "" if exchange.principal is None else exchange.principal.tier
