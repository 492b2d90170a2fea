"""What becomes of a use that the policies grant, as far as a question tells: by the same functions as on the path.

Which servers may have it and what is in the way of the others (servers.py, residency/bounds.py), what each must not
see, which is asked first, by which names the model goes, what its requests are held to. A question tells less than a
request: `untold` says what would have to be known besides.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from guardhouse.model.ability import Ability
from guardhouse.model.dialect import DialectName
from guardhouse.model.entity import Entity
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
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


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    reason: Reason | None = None  # why it is refused after all
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


def outlook(snapshot: Snapshot, principal: Principal, grant: Grant, model: Model, asked: Asked) -> Outlook:
    bounds = None
    if snapshot.residency is not None:
        bounds = snapshot.residency.bounds(grant.keep + model.keep, principal.attributes)
    barred = [bars(target, asked.dialect, grant.route, bounds, opaque=False) for target in model.targets]
    left = [target for target, reasons in zip(model.targets, barred, strict=True) if not reasons]
    none_left = None if left else reason_for_none(barred)
    reason = (  # in the order of the stages
        (Reason.SIGNATURE_REQUIRED if grant.signed and not asked.signed else None)
        or (none_left if bounds is not None else None)
        or _refused_by(model, principal, asked)
        or none_left
    )
    return Outlook(
        reason=reason,
        kept=None if bounds is None else Kept(by=bounds.by, within=bounds.within, misplaced=bounds.misplaced),
        servers=tuple(_server(target, reasons, bounds) for target, reasons in zip(model.targets, barred, strict=True)),
        first=_first(model, left, asked),
        held_to=tuple(_held_to(grant, model, principal)),
        untold=tuple(_untold(grant, model, left, bounds, asked)),
    )


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


def _refused_by(model: Model, principal: Principal, asked: Asked) -> Reason | None:
    """What of the contract and features of the model is broken already by what is said of the request."""
    wanted: Mapping[Ability, bool] = {"streaming": asked.stream, "tools": asked.tools}
    for ability in model.rules.abilities:
        if wanted.get(ability, False) and not model.rules.switches.is_on(ability, principal.id):
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
