"""What becomes of a use that the policies grant, as far as a question tells: by the same functions as on the path.

Which servers may have it and what is in the way of the others (servers.py, residency/bounds.py), what each must not
see, which is asked first, by which names the model goes, what its requests are held to, which models take its place
(fallbacks.py). A question tells less than a request: `untold` says what would have to be known besides.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from guardhouse.limits.capacity import rank_of
from guardhouse.model.ability import Ability
from guardhouse.model.dialect import DialectName
from guardhouse.model.entity import Entity
from guardhouse.model.operation import DEFERRED, Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.decide import policies_for
from guardhouse.policy.facts import Facts
from guardhouse.policy.fallbacks import is_dearer, is_granted_alike
from guardhouse.policy.servers import bars, reason_for_none
from guardhouse.policy.snapshot import Grant, Model, Snapshot, Target
from guardhouse.residency.bounds import Bounds, Leaving

_BY = {"weighted": "chance and weight", "least_pending": "what is under way with each"}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of residency that speak of it, and what they mean together."""

    by: tuple[str, ...]
    within: tuple[str, ...] = ()  # regions; none: content may be anywhere
    misplaced: str = ""  # a place that would hold what it may not; nothing is served then


class Server(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One target of the model. It may have the use if nothing is in the way."""

    name: str
    region: str = ""
    speaks: tuple[DialectName, ...]
    barred: tuple[str, ...] = ()  # codes of model.reason
    withheld: tuple[str, ...] = ()  # what is taken out of the request for it


class Fallback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that takes the place of the one that was asked for, if nothing is in the way of it and of one server."""

    model: str
    servers: tuple[Server, ...]
    barred: tuple[str, ...] = ()  # `policies`: not the very same ones grant it; `price`: it may cost more; else a code
    held_to: tuple[str, ...] = ()  # what its requests have to fit, where that is something else


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    reason: Reason | None = None  # why it is refused after all
    fallbacks: tuple[Fallback, ...] = ()  # in the order in which they are tried
    when_busy: bool = False  # whether this caller goes there, too, where the model would make it wait
    kept: Kept | None = None
    servers: tuple[Server, ...] = ()
    first: str = ""  # the target that is asked first; empty: none, or it cannot be told
    held_to: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


class Asked(Protocol):
    """What a question says of the request, as far as it counts here."""

    @property
    def dialect(self) -> DialectName | None: ...
    @property
    def signed(self) -> bool: ...
    @property
    def stream(self) -> bool: ...
    @property
    def tools(self) -> bool: ...


class Use(msgspec.Struct, frozen=True):
    """What was granted, and to whom."""

    snapshot: Snapshot
    principal: Principal
    operation: Operation
    model: Model
    grant: Grant
    facts: Facts
    asked: Asked


def outlook(use: Use) -> Outlook:
    snapshot, principal, grant, model, asked = use.snapshot, use.principal, use.grant, use.model, use.asked
    bounds, barred = _bars(use, model)
    left = [target for target, reasons in zip(model.targets, barred, strict=True) if not reasons]
    none_left = None if left else reason_for_none(barred)
    reason = (  # in the order of the stages
        (Reason.SIGNATURE_REQUIRED if grant.signed and not asked.signed else None)
        or (none_left if bounds is not None else None)
        or _refused_by(use, model)
        or none_left
    )
    fallbacks = tuple(_fallbacks(use, left)) if reason is None else ()
    busy = any(target.capacity is not None for target in left)
    return Outlook(
        reason=reason,
        fallbacks=fallbacks,
        when_busy=bool(fallbacks) and busy and snapshot.tiers[rank_of(snapshot.tiers, principal.tier)].fallback,
        kept=None if bounds is None else Kept(by=bounds.by, within=bounds.within, misplaced=bounds.misplaced),
        servers=tuple(_server(target, reasons, bounds) for target, reasons in zip(model.targets, barred, strict=True)),
        first=_first(model, left, asked),
        held_to=tuple(_held_to(grant, model, principal)),
        untold=tuple(_untold(grant, model, left, bounds, asked)),
    )


def _bars(use: Use, model: Model) -> tuple[Bounds | None, list[tuple[Reason, ...]]]:
    """Where the bytes may be if this model serves it, and what is in the way of each of its targets."""
    bounds, residency = None, use.snapshot.residency
    if residency is not None:
        keep = use.grant.keep + use.model.keep + (() if model is use.model else model.keep)
        bounds = residency.bounds(keep, use.principal.attributes)
    route = use.grant.route
    return bounds, [bars(target, use.asked.dialect, route, bounds, opaque=False) for target in model.targets]


def _fallbacks(use: Use, left: list[Target]) -> Iterator[Fallback]:
    """`left` are the servers of the model that was asked for: a fallback's stand where one of them does."""
    regions = {target.region for target in left}
    for name in () if use.operation in DEFERRED else use.model.fallback:
        other = use.snapshot.models[name]
        bounds, barred = _bars(use, other)
        servers = []
        for target, reasons in zip(other.targets, barred, strict=True):
            is_near = target.region in regions or Reason.REGION_DENIED in reasons
            servers.append(_server(target, reasons if is_near else (*reasons, Reason.REGION_DENIED), bounds))
        alike = other.rules is use.model.rules
        held_to = () if alike else tuple(other.rules.told(use.principal.id))
        yield Fallback(model=name, servers=tuple(servers), barred=tuple(_barred(use, other)), held_to=held_to)


def _barred(use: Use, other: Model) -> Iterator[str]:
    given = policies_for(use.snapshot, use.principal, use.operation)
    if not is_granted_alike(use.snapshot, given, use.principal, use.operation, other.name, use.facts, use.grant):
        yield "policies"
    if is_dearer(use.grant, use.model, other):
        yield "price"
    refused = _refused_by(use, other)
    if refused is not None:
        yield refused.code


def _server(target: Target, reasons: tuple[Reason, ...], bounds: Bounds | None) -> Server:
    leaving = None if bounds is None else bounds.leaving.get(target.name)
    return Server(
        name=target.name,
        region=target.region,
        speaks=tuple(sorted(target.speaks)),
        barred=tuple(reason.code for reason in reasons),
        withheld=() if leaving is None else tuple(_named(leaving)),
    )


def _named(leaving: Leaving) -> Iterator[str]:
    yield from (entity.name.lower() for entity in Entity if entity & leaving.entities and entity.name)
    yield from (f"{role}_texts" for role in sorted(leaving.roles))


def _refused_by(use: Use, model: Model) -> Reason | None:
    """What of the contract and features of the model is broken already by what is said of the request."""
    asked, left_there = use.asked, use.operation in DEFERRED
    wanted: Mapping[Ability, bool] = {"streaming": asked.stream, "tools": asked.tools, "stored": left_there}
    for ability in model.rules.abilities:
        if wanted.get(ability, False) and not model.rules.switches.is_on(ability, use.principal.id):
            return Reason.FEATURE_REFUSED
    contract = model.rules.contract
    return Reason.CONTRACT_VIOLATED if contract is not None and contract.response is not None and asked.stream else None


def _is_sure(left: list[Target], asked: Asked) -> bool:
    """Whether it is known which of them can be asked at all."""
    return asked.dialect is not None or len({target.speaks for target in left}) < 2


def _first(model: Model, left: list[Target], asked: Asked) -> str:
    if not left or not _is_sure(left, asked):
        return ""
    return left[0].name if model.choose is None or len(left) == 1 else ""


def _held_to(grant: Grant, model: Model, principal: Principal) -> Iterator[str]:
    if grant.signed:
        yield "a signature"
    yield from model.rules.told(principal.id)
    if grant.injection:
        yield f"injections in parameters are {'refused' if grant.injection == 'block' else 'noted'}"
    if model.pinned is not None:
        yield f"answers by the name {' or '.join(model.pinned.names)}{'' if model.pinned.refuse else ', else told'}"


def _untold(grant: Grant, model: Model, left: list[Target], bounds: Bounds | None, asked: Asked) -> Iterator[str]:
    if asked.dialect is None and not _is_sure(list(model.targets), asked):
        yield "the API that it comes by: servers count whatever they speak (dialect)"
    if len(left) > 1 and model.choose is not None:
        how = f"the session, which goes by {model.choose.by}" if model.choose.how == "sticky" else _BY[model.choose.how]
        yield f"which server is asked first: they are chosen by {how}"
    yield "whether its fields, parameters, sizes, media and URLs are taken: that is for the document to show"
    if grant.mask_request or (bounds is not None and any(target.name in bounds.leaving for target in left)):
        yield "whether parts of it are no text, which would be refused or leave fewer servers"
    if grant.limits:
        yield "how much of its limits is used up, and whether the request is larger than one of them"
    yield "which servers are well, drained or busy, and what operators have suspended, closed or capped"
