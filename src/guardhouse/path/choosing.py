"""In which order the model servers of a model are asked.

`ordered` is a pure function of what is known: the order of the list, by weights and chance, by what is under way, or by
whose session it is. A session sticks by rendezvous hashing: every server draws a lot for it, the highest wins, and when
a server is lost only its own sessions go elsewhere, each to its second choice. The lots are the same in all workers and
machines. A session belongs to its principal whatever else it goes by, so that nobody can steer into another's.

`candidates` leaves out those that may not be used now: their breaker is open, or an operator has drained them. It takes
them from `permitted` (targets.py), as everybody has to who looks for a target.
"""

import random
from hashlib import blake2b
from math import log
from typing import Any

from guardhouse.path.exchange import Exchange
from guardhouse.path.holding import owner_of
from guardhouse.path.plane import DataPlane
from guardhouse.path.targets import permitted
from guardhouse.policy.resilience import Choosing
from guardhouse.policy.snapshot import Model, Target

Targets = tuple[Target, ...]

_RANGE = 2.0**64


def candidates(exchange: Exchange, plane: DataPlane, model: Model) -> Targets:
    """Those that may have the exchange now, the best first; perhaps none."""
    allowed = permitted(exchange, model)
    gates, upstreams = plane.gates, plane.upstreams
    if gates.drained:
        allowed = tuple([target for target in allowed if not gates.is_drained(target.name, exchange.at)])
    if not upstreams.wards.calm:
        now, caller = plane.loop_time(), owner_of(exchange)
        allowed = tuple([target for target in allowed if upstreams.wards.of(target).admits(now, caller)])
    how = model.choose
    if how is None or len(allowed) < 2:
        return allowed
    session = _session(exchange, how) if how.how == "sticky" else b""
    pending = [upstreams.wards.of(target).pending for target in allowed]
    return ordered(how, allowed, pending, session, [random.random() for _ in allowed])  # noqa: S311 - spreads load


def ordered(how: Choosing, targets: Targets, pending: list[int], session: bytes, draws: list[float]) -> Targets:
    """`draws` are random numbers from 0 to 1, and `pending` what is under way, one for each target."""
    if how.how == "sticky":
        merits = [_merit(target.weight, _lot(session, target.name)) for target in targets]
    elif how.how == "weighted":
        merits = [_merit(target.weight, draw) for target, draw in zip(targets, draws, strict=True)]
    else:
        merits = [-(count + 1) / target.weight for target, count in zip(targets, pending, strict=True)]
    ranking = sorted(range(len(targets)), key=lambda index: (merits[index], draws[index]), reverse=True)
    return tuple([targets[index] for index in ranking])


def _merit(weight: int, draw: float) -> float:
    """The highest of these falls to each target as often as its weight says (Efraimidis and Spirakis)."""
    return log(min(max(draw, 1e-300), 1.0)) / weight


def _lot(session: bytes, name: str) -> float:
    drawn = int.from_bytes(blake2b(name.encode(), digest_size=8, key=session).digest(), "big")
    return (drawn + 0.5) / _RANGE


def _session(exchange: Exchange, how: Choosing) -> bytes:
    """Digest of whose session it is; one whose request does not say is its principal's."""
    said = ""
    if how.by.startswith("header:") and exchange.head is not None:
        said = exchange.head.headers.get(how.by[7:].encode(), b"").decode("latin-1")
    elif how.by != "principal":
        said = _said(exchange.document, how.by)
    principal = "" if exchange.principal is None else exchange.principal.id
    return blake2b(f"{len(principal)}:{principal}{said}".encode(errors="replace"), digest_size=32).digest()


def _said(document: Any, by: str) -> str:
    """The text or number at a place such as `metadata.user_id`."""
    for name in by.split("."):
        document = document.get(name) if type(document) is dict else None
    if type(document) is int:
        return str(document)
    return document if type(document) is str else ""
