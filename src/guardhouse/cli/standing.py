"""What an operator does in a hurry: suspend a principal, close a model, cap a tier, and take it back.

The commands write to the store beside a running gateway or without one; a running one follows within a second and
records who did it. Every switch can be given an end, and should be: what is forgotten then mends itself. A model that
is not in the configuration cannot be closed, as that would look like protection and be none.
"""

import time
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from guardhouse.cli.operator import whoever
from guardhouse.cli.output import CONFIG, AsJson, Config, answer, document_or_refuse, moment, note_of, refuse, table
from guardhouse.cli.stored import opened
from guardhouse.control.key_ring import NAME_WANTED, is_name
from guardhouse.control.standing_store import Act, Kind, StandingStore
from guardhouse.limits.rate import Rate, parse_rate
from guardhouse.policy.problem import unknown
from guardhouse.policy.standing import over
from guardhouse.policy.units import parse_duration

gates = typer.Typer(no_args_is_help=True, help="Close a model or cap a tier for now, and open it again.")


def _name(text: str) -> str:
    if not is_name(text):
        raise typer.BadParameter(NAME_WANTED)
    return text


def _seconds(text: str) -> float:
    seconds = parse_duration(text)
    if not seconds:
        raise typer.BadParameter("a whole number and s, m, h or d, such as 2h")
    return seconds


def _rate(text: str) -> Rate:
    rate = parse_rate(text)
    if rate is None:
        raise typer.BadParameter("an amount per s, min, h or day, such as 100/min")
    return rate


Principal = Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Whom, by id.", parser=_name)]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Its name in the configuration.")]
Tier = Annotated[str, typer.Argument(metavar="TIER", help="The tier, as credentials name it.", parser=_name)]
For = Annotated[
    float | None, typer.Option("--for", metavar="DURATION", help="End it by itself after this long.", parser=_seconds)
]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="Why, for the journal.", callback=note_of)]


def suspend(
    principal: Principal, lasting: For = None, because: Because = "", config: Config = CONFIG, as_json: AsJson = False
) -> None:
    """Refuse everything a principal asks for, whatever credential it uses, within a second.

    Example: guardhouse suspend alice --for 2h --because "key found on a public page"
    """
    act = _beginning("principal", principal, lasting, because)
    with opened(config, as_json=as_json) as stored:
        known = any(record.principal == principal for record in stored.store.list())
        StandingStore(stored.store.engine).enter(act)
    _tell(act, as_json=as_json)
    if not known:
        typer.echo(f"note: no API key belongs to {principal}; its other credentials are refused", err=True)


def unsuspend(principal: Principal, because: Because = "", config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Let a suspended principal in again.

    Example: guardhouse unsuspend alice
    """
    lift("principal", principal, f"{principal} is not suspended", because, config, as_json=as_json)


@gates.command("close")
def close(
    model: Model, lasting: For = None, because: Because = "", config: Config = CONFIG, as_json: AsJson = False
) -> None:
    """Refuse every use of a model, within a second.

    Example: guardhouse gates close llama-3-8b --for 30m --because "answers are wrong since the update"
    """
    refuse_unknown("model", model, document_or_refuse(config, as_json=as_json).models, as_json=as_json)
    switch_off("model", model, lasting, because, config, as_json=as_json)


@gates.command("cap")
def cap(
    tier: Tier,
    rate: Annotated[Rate, typer.Argument(metavar="RATE", help="Such as 100/min.", parser=_rate)],
    lasting: For = None,
    *,
    because: Because = "",
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let all principals of a tier together begin only so many requests, within a second.

    Example: guardhouse gates cap free 100/min --for 1h
    """
    switch_off("tier", tier, lasting, because, config, as_json=as_json, cap=rate)


@gates.command("open")
def open_(model: Model, because: Because = "", config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Let a closed model be used again.

    Example: guardhouse gates open llama-3-8b
    """
    lift("model", model, f"{model} is not closed", because, config, as_json=as_json)


@gates.command("uncap")
def uncap(tier: Tier, because: Because = "", config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Take the cap off a tier.

    Example: guardhouse gates uncap free
    """
    lift("tier", tier, f"the tier {tier} is not capped", because, config, as_json=as_json)


def standing(
    history: Annotated[
        int, typer.Option("--history", metavar="N", min=0, help="Show the last N acts instead, newest first.")
    ] = 0,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show who is suspended, what is closed and what is capped.

    Example: guardhouse standing --history 20
    """
    now = time.time()
    with opened(config, as_json=as_json) as stored:
        acts = StandingStore(stored.store.engine)
        shown = acts.history(history) if history else [act for act in acts.latest() if not over(act.until, now)]
    lines = [("WHAT", "NAME", "STATE", "SINCE", "UNTIL", "BY", "BECAUSE")]
    lines += [
        (act.kind, act.name, _state(act), moment(act.at), moment(act.until), act.by, act.because or "-")
        for act in shown
    ]
    text = table(lines)
    answer([_told(act) for act in shown], text if shown else "nothing is switched off", as_json=as_json)


def switch_off(
    kind: Kind, name: str, lasting: float | None, because: str, config: Path, *, as_json: bool, cap: Rate | None = None
) -> None:
    act = _beginning(kind, name, lasting, because, cap)
    with opened(config, as_json=as_json) as stored:
        StandingStore(stored.store.engine).enter(act)
    _tell(act, as_json=as_json)


def _beginning(kind: Kind, name: str, lasting: float | None, because: str, cap: Rate | None = None) -> Act:
    now = time.time()
    until = None if lasting is None else now + lasting
    return Act(kind=kind, name=name, at=now, by=whoever(), because=because, until=until, cap=cap)


def _tell(act: Act, *, as_json: bool) -> None:
    named = f"the tier {act.name}" if act.kind == "tier" else act.name
    ends = "until somebody lifts it" if act.until is None else f"until {moment(act.until)}"
    answer(_told(act), f"{named} is {_state(act)} {ends}", as_json=as_json)


def lift(kind: Kind, name: str, otherwise: str, because: str, config: Path, *, as_json: bool) -> None:
    now = time.time()
    with opened(config, as_json=as_json) as stored:
        acts = StandingStore(stored.store.engine)
        if not any(act.kind == kind and act.name == name and not over(act.until, now) for act in acts.latest()):
            refuse(otherwise, as_json=as_json)
        act = Act(kind=kind, name=name, at=now, by=whoever(), because=because, lifted=True)
        acts.enter(act)
    answer(_told(act), f"{name} is {_state(act)}", as_json=as_json)


def refuse_unknown(kind: str, name: str, names: Collection[str], *, as_json: bool) -> None:
    if name not in names:
        refuse(unknown(kind, name, list(names)), as_json=as_json)


def _state(act: Act) -> str:
    if act.kind == "tier":
        return "uncapped" if act.lifted else f"capped to {act.cap}"
    if act.kind == "model":
        return "open" if act.lifted else "closed"
    if act.kind == "target":
        return "in use" if act.lifted else "drained"
    return "unsuspended" if act.lifted else "suspended"


def _told(act: Act) -> dict[str, Any]:
    return {
        "what": act.kind,
        "name": act.name,
        "state": _state(act),
        "at": act.at,
        "until": act.until,
        "by": act.by,
        "because": act.because,
    }
