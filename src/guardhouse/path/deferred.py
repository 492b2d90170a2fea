"""Requests that are left at a model server: whose they are, and who may have them carried out.

An id that a caller gives is opened first (`recall`); for anybody but its maker it does not exist, and what it refers to
can be had only from the very server where it was left. What is left there is used under the policies of today:

- whoever uploads requests, orders them or looks at them has to be allowed the operation of the requests as well, on
  their model, and whatever policies say of that operation holds beside what they say of the files and batches: every
  mask, every limit, every condition, every route. So a batch is no way to anything that is refused directly;
- requests were judged when they were uploaded. They are carried out only if the very same policies, of the very same
  revision, would judge them now (`judged`): else they have to be uploaded, and judged, again.

Nothing that is deferred has a fallback, is sent twice, or carries headers of the caller beyond those that trace it: an
idempotency key of one caller could bring up what belongs to another.
"""

import hashlib
from typing import Final

from msgspec.structs import replace

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.sealed import Sealed, SealedKind
from guardhouse.path.exchange import HELD, Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.policy import decide
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Grant, Model, Refusal, Snapshot, Target
from guardhouse.wire.dialects.deferred import DeferredRoute, Deferring
from guardhouse.wire.dialects.dialect import Prepared, Route

_KINDS: Final[dict[str, tuple[SealedKind, ...]]] = {
    "look": ("input", "output"),
    "read": ("input", "output"),
    "delete": ("input", "output"),
    "order": ("input",),
    "check": ("batch",),
    "cancel": ("batch",),
}
_TRACING: Final = (b"traceparent", b"tracestate")


def forwarded(headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {name: headers[name] for name in _TRACING if name in headers}


def recall(exchange: Exchange, plane: DataPlane, document: object) -> Verdict:
    """Find out what the request refers to. An upload refers to nothing, and is judged in turns: see judging.py."""
    route = exchange.route
    assert isinstance(route, DeferredRoute)
    if route.step == "upload":
        return HELD
    assert exchange.principal is not None
    dialect = route.dialect
    assert isinstance(dialect, Deferring)
    sealed = plane.seals.open(route.given, _KINDS[route.step], exchange.principal.id)
    route.through = None if sealed is None else dialect.operation_of(sealed.operation)
    if route.through is None:
        return Denial(Reason.ID_UNKNOWN, param="input_file_id" if route.step == "order" else None)
    route.sealed = sealed
    return dialect.fits(document, route)


def facts_of(route: Route, facts: Facts) -> Facts:
    """Of what the request refers to, and of itself; of an upload, of all its requests together."""
    if not isinstance(route, DeferredRoute):
        return facts
    sealed = route.sealed
    if sealed is None:
        return Facts(facts.client, facts.at, route.size, facts.stream, route.tools, facts.risk)
    size, risk = max(facts.size, sealed.size), max(facts.risk, sealed.risk)
    return Facts(facts.client, facts.at, size, facts.stream, facts.tools or sealed.tools, risk)


def judged(exchange: Exchange, snapshot: Snapshot, grant: Grant | Refusal, facts: Facts) -> Grant | Refusal | Denial:
    """What is granted of all that it takes; for requests that are to be carried out, only if they were judged so."""
    route = exchange.route
    assert isinstance(route, DeferredRoute)
    united = granted(exchange, snapshot, grant, facts)
    if isinstance(united, Refusal):
        return united
    if route.step == "upload":
        route.judged = _digest(snapshot, united)
        route.size, route.risk, route.tools = facts.size, facts.risk, facts.tools
    elif route.step == "order":
        assert route.sealed is not None
        now = granted(exchange, snapshot, _decided(exchange, snapshot, Operation.FILES, facts), facts)
        if isinstance(now, Refusal):
            return now
        if route.sealed.judged != _digest(snapshot, now):
            return Denial(Reason.FILE_OUTDATED, param="input_file_id")
        return granted(exchange, snapshot, decide.together(snapshot, (united, now), route.sealed.model), facts)
    return united


def granted(exchange: Exchange, snapshot: Snapshot, grant: Grant | Refusal, facts: Facts) -> Grant | Refusal:
    """`grant` together with that of the requests' own operation, where they were left."""
    route, model = exchange.route, snapshot.models.get(snapshot.aliases.get(exchange.asked, exchange.asked))
    assert isinstance(route, DeferredRoute)
    if isinstance(grant, Refusal) or route.through is None or model is None:
        return grant
    united = decide.both(snapshot, grant, _decided(exchange, snapshot, route.through, facts), model.name)
    if route.sealed is None or isinstance(united, Refusal):
        return united
    target = _target_of(model, route.sealed)
    if target is None or (united.route is not None and target.name not in united.route):
        return Refusal(Reason.NO_TARGET_LEFT, united.policies)
    return replace(united, route=frozenset((target.name,)))


def _decided(exchange: Exchange, snapshot: Snapshot, operation: Operation, facts: Facts) -> Grant | Refusal:
    assert exchange.principal is not None
    name = snapshot.aliases.get(exchange.asked, exchange.asked)
    return decide.decide(snapshot, exchange.principal, operation, name, facts)


def _digest(snapshot: Snapshot, grant: Grant) -> str:
    """Names the policies, and what they say."""
    said = "\0".join((snapshot.revision, *sorted(grant.policies)))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def place_of(target: Target) -> str:
    """Names the server, which may be another one under the same name after a change of the configuration."""
    said = f"{target.scheme}://{target.host}:{target.port}{target.base_path}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _target_of(model: Model, sealed: Sealed) -> Target | None:
    for target in model.targets:
        if target.name == sealed.target and place_of(target) == sealed.place:
            return target
    return None


def make_ready(part: Exchange, route: DeferredRoute, upstream_name: str) -> None:
    """Make of a piece of an upload what goes upstream, and take its measure."""
    dialect = route.dialect
    assert isinstance(dialect, Deferring)
    assert route.measured is not None
    prepared = dialect.prepare(part.document, route, upstream_name)
    dialect.take_measure(part.document, route, route.measured)
    if prepared is not Prepared.AS_IT_WAS:
        part.encoded = dialect.encode(part.document, route)
