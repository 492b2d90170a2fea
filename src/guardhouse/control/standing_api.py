"""Suspensions and gates over HTTP: what `guardhouse suspend` and `guardhouse gates` do, for who may (`suspend`; to
look, and to see what is used, `usage.read`).

An act is in force when the control process has published it, half a second later at most; that is also when its event
is written (standing_publisher.py), so what is answered here has been accepted and is about to be so. `DELETE` lifts
what is in force; what is not in force cannot be lifted.
"""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from guardhouse.control.authority import Authority
from guardhouse.control.endpoint import Answer, Call, Endpoint, Refused
from guardhouse.control.key_ring import NAME_WANTED, is_name
from guardhouse.control.standing_store import Act, Kind, StandingStore
from guardhouse.control.usage_desk import UsageReport
from guardhouse.limits.rate import parse_rate
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.policy.standing import over

_FOREVER = 1e9  # seconds; longer ones are slips

Seconds = Annotated[float, msgspec.Meta(gt=0, le=_FOREVER)]
Note = Annotated[str, msgspec.Meta(max_length=200)]


class Switch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is switched off, by name, for how long and why; without `lasting`, until somebody lifts it."""

    name: str
    lasting: Seconds | None = None
    because: Note = ""


class TierCap(Switch, frozen=True, kw_only=True, forbid_unknown_fields=True):
    requests: str  # a rate, such as 100/min


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """An act, as it was accepted."""

    what: Kind
    name: str
    at: float
    by: str
    because: str
    lifted: bool
    until: float | None
    requests: str | None


class StandingNow(msgspec.Struct, frozen=True):
    standing: list[Switched]


class StandingApi:
    def __init__(self, acts: StandingStore, authority: Authority, usage: Callable[[float], UsageReport]) -> None:
        self._acts = acts
        self._authority = authority
        self._usage = usage

    def __repr__(self) -> str:
        return "<StandingApi>"

    def endpoints(self) -> list[Endpoint]:
        found = [
            Endpoint(
                method="GET",
                path="/api/v1/standing",
                needs=Operation.USAGE_READ,
                summary="List who is suspended, what is closed and what is capped.",
                does=self.list,
                gives=StandingNow,
            ),
            Endpoint(
                method="GET",
                path="/api/v1/usage",
                needs=Operation.USAGE_READ,
                summary="Show what each principal uses at present, and what is under way and waiting.",
                does=self.usage,
                gives=UsageReport,
            ),
        ]
        groups: tuple[tuple[Kind, str, str, Any], ...] = (
            ("principal", "suspensions", "a principal", Switch),
            ("model", "gates/models", "a model", Switch),
            ("tier", "gates/tiers", "a tier", TierCap),
            ("target", "gates/targets", "a target", Switch),
        )
        for kind, path, noun, takes in groups:
            found += self._pair(kind, f"/api/v1/{path}", noun, takes)
        return found

    def _pair(self, kind: Kind, path: str, noun: str, takes: Any) -> list[Endpoint]:
        async def set_(call: Call) -> Answer | Refused:
            return await self.set(kind, call)

        async def lift(call: Call) -> Answer | Refused:
            return self.lift(kind, call)

        verb = {"principal": "Suspend", "model": "Close", "tier": "Cap", "target": "Drain"}[kind]
        needs = Operation.SUSPEND
        return [
            Endpoint(
                method="POST",
                path=path,
                needs=needs,
                summary=f"{verb} {noun}.",
                does=set_,
                takes=takes,
                gives=Switched,
                status=201,
            ),
            Endpoint(
                method="DELETE",
                path=f"{path}/{{name}}",
                needs=needs,
                summary=f"Take back what was done to {noun}.",
                does=lift,
                gives=Switched,
            ),
        ]

    async def list(self, call: Call) -> Answer | Refused:
        return Answer(StandingNow([_switched(act) for act in self._acts.latest() if not over(act.until, call.now)]))

    async def usage(self, call: Call) -> Answer | Refused:
        return Answer(self._usage(call.now))

    async def set(self, kind: Kind, call: Call) -> Answer | Refused:
        asked: Switch = call.body
        if kind == "model":
            if asked.name not in (await self._authority.snapshot()).models:
                return Refused(404, "not_found", "There is no such model.")
        elif kind == "target":
            if asked.name not in (await self._authority.snapshot()).targets:
                return Refused(404, "not_found", "There is no such target.")
        elif not is_name(asked.name):
            return Refused(400, Reason.SHAPE_INVALID.code, f"name: {NAME_WANTED}")
        if not asked.because.isprintable():
            return Refused(400, Reason.SHAPE_INVALID.code, "because: one line of printable text")
        cap = parse_rate(asked.requests) if isinstance(asked, TierCap) else None
        if kind == "tier" and cap is None:
            return Refused(400, Reason.SHAPE_INVALID.code, "requests: an amount per s, min, h or day, such as 100/min")
        until = None if asked.lasting is None else call.now + asked.lasting
        act = Act(
            kind=kind,
            name=asked.name,
            at=call.now,
            by=call.principal.id,
            because=asked.because,
            until=until,
            cap=cap,
        )
        self._acts.enter(act)
        return Answer(_switched(act), 201)

    def lift(self, kind: Kind, call: Call) -> Answer | Refused:
        name = call.path["name"]
        if not any(
            act.kind == kind and act.name == name and not over(act.until, call.now) for act in self._acts.latest()
        ):
            return Refused(404, "not_found", "There is nothing in force of this name.")
        act = Act(kind=kind, name=name, at=call.now, by=call.principal.id, lifted=True)
        self._acts.enter(act)
        return Answer(_switched(act))


def _switched(act: Act) -> Switched:
    return Switched(
        what=act.kind,
        name=act.name,
        at=act.at,
        by=act.by,
        because=act.because,
        lifted=act.lifted,
        until=act.until,
        requests=None if act.cap is None else str(act.cap),
    )
