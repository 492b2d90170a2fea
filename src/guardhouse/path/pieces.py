"""What is asked of a file of requests, piece by piece, so that no file holds up those who wait beside it.

A piece (some lines of the file) is asked what a whole request is asked, by the same stages, as an exchange of its own
that goes nowhere: `read` takes it in, up to the decision, which is made of what all pieces hold together; `hold` holds
it to what was granted, and leaves of it what goes upstream. What the stages note of a piece is noted of the exchange.
Nothing of a piece is kept but its encoding, a few numbers and the ids of its lines. judging.py lets others have their
turn between two pieces.
"""

from typing import Final

from guardhouse.inspect.scanner import scan
from guardhouse.inspect.signals import Gathering
from guardhouse.model.denial import Denial, Verdict
from guardhouse.path import authorization, capping, contracts, deferred, masking, sizing
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.path.shadow import foresee
from guardhouse.path.size import EVERYTHING
from guardhouse.policy.snapshot import Snapshot
from guardhouse.wire.dialects.deferred import DeferredRoute, Deferring, Measure

_MOST_MEDIA: Final = 16  # on a record, as of any request
_MOST_SERVERS: Final = 16
_MOST_STORED: Final = 16
_MOST_PLACES: Final = 8


class Piece:
    """What is kept of one: its encoding, what the scanner saw in it, and how many lines come before it."""

    __slots__ = ("candidates", "encoded", "first")

    def __init__(self, encoded: bytes, candidates: int, first: int) -> None:
        self.encoded = encoded
        self.candidates = candidates
        self.first = first

    def __repr__(self) -> str:
        return f"<Piece of {len(self.encoded)} bytes from line {self.first}>"


class Pieces:
    """Those of one exchange."""

    __slots__ = ("_dialect", "_exchange", "_gathering", "_opaque", "_plane", "_read", "_route", "all", "size")

    def __init__(self, exchange: Exchange, plane: DataPlane) -> None:
        route = exchange.route
        assert isinstance(route, DeferredRoute)
        dialect = route.dialect
        assert isinstance(dialect, Deferring)
        self._exchange = exchange
        self._plane = plane
        self._route = route
        self._dialect = dialect
        self._gathering = Gathering(plane.hash_key)
        self._opaque = False
        self._read = 0
        self.all: list[Piece] = []
        self.size = 0  # bytes

    def read(self) -> Denial | bool:
        """Take in the next: validation and inspection. False if there is none."""
        route, dialect = self._route, self._dialect
        assert route.unread is not None
        found = route.unread.read()
        if found is None or isinstance(found, Denial):
            return False if found is None else found
        document, encoded = found
        route.through, route.first = route.unread.operation, self._read
        texts = dialect.texts(document, route)
        values = [text.value.encode() for text in texts]
        candidates = scan(b"\n".join(values))
        self._gathering.add(texts, values, candidates)
        self._opaque = self._opaque or bool(dialect.unreadable(document, route))
        route.tools = route.tools or dialect.uses_tools(document)
        self.size += len(encoded)
        self.all.append(Piece(encoded, candidates, self._read))
        self._read += len(dialect.requests(document))
        return True

    def sum_up(self) -> None:
        """All are read: the exchange can be decided."""
        exchange, route = self._exchange, self._route
        assert route.unread is not None
        exchange.asked = route.unread.model
        exchange.document = []
        exchange.opaque = self._opaque  # which that document cannot tell
        exchange.signals = self._gathering.signals()
        route.size = self.size + len(self._dialect.put_together((), route))
        route.unread = None
        route.measured = Measure()

    def rehearse(self, piece: Piece, shadow: Snapshot) -> None:
        """What a policy on trial says of it, unless it has said no already."""
        exchange = self._exchange
        if exchange.foreseen is not None and exchange.foreseen.reason is None:
            part = self._part_of(piece)
            told = foresee(part, None, shadow, authorization.facts_of(part))
            if told is not None and told.reason is not None:
                exchange.foreseen = told

    def hold(self, piece: Piece) -> Verdict:
        """What is granted is known: hold it to that, and make it what goes upstream."""
        exchange, plane = self._exchange, self._plane
        part = self._part_of(piece)
        for passed, name, stage in _STAGES:
            denial = stage(part, plane)
            if denial is not None:
                exchange.passed = passed
                exchange.controls[name] = "blocked"
                return denial
        piece.encoded = part.encoded
        self._note(part)
        return None

    def put_together(self) -> None:
        exchange = self._exchange
        grant = exchange.grant
        assert grant is not None
        exchange.mask_response = grant.mask_response
        exchange.encoded = self._dialect.put_together([piece.encoded for piece in self.all], self._route)
        self.all = []

    def _part_of(self, piece: Piece) -> Exchange:
        whole, route = self._exchange, self._route
        part = Exchange(whole.caller, whole.client, whole.at, whole.started, whole.id, whole.snapshot)
        part.route, part.operation, part.principal = route, whole.operation, whole.principal
        part.signed_by, part.asked, part.model, part.grant = whole.signed_by, whole.asked, whole.model, whole.grant
        part.keep, part.policies, part.signals = whole.keep, whole.policies, whole.signals
        part.opaque = whole.opaque
        route.first = piece.first
        part.encoded = piece.encoded
        part.document = self._dialect.read_piece(piece.encoded)
        part.found = (self._dialect.texts(part.document, route), piece.candidates)
        return part

    def _note(self, part: Exchange) -> None:
        whole = self._exchange
        whole.controls.update(part.controls)
        whole.masked = _sum(whole.masked, part.masked)
        whole.injections = _sum(whole.injections, part.injections)
        whole.media_kinds = _sum(whole.media_kinds, part.media_kinds)
        whole.media = (whole.media + part.media)[:_MOST_MEDIA]
        whole.servers = (whole.servers + part.servers)[:_MOST_SERVERS]
        whole.stored = (whole.stored + part.stored)[:_MOST_STORED]
        whole.unevaluated = (whole.unevaluated + part.unevaluated)[:_MOST_PLACES]


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in (*one, *other)} if other else one


def _bring_to_size(part: Exchange, _: DataPlane) -> Verdict:
    """What admission asks of the requests themselves; what is counted is counted for all of them at once."""
    grant = part.grant
    assert grant is not None
    if not grant.limits:
        return None
    size = sizing.given(part)
    denial = sizing.bound(part, size) if grant.bounded else None
    if denial is None and (grant.cap_output or grant.bounded):
        capping.cap(part, size, EVERYTHING, EVERYTHING, lower=grant.cap_output)
    return denial


def _make_ready(part: Exchange, _: DataPlane) -> Verdict:
    route, model = part.route, part.model
    assert isinstance(route, DeferredRoute)
    assert model is not None
    deferred.make_ready(part, route, model.upstream_name)
    return None


# with how many stages the exchange has passed where one of these ends it: of what comes after `contracts`, none has
_STAGES: Final = (
    (5, "authorization", authorization.judge_fields),
    (6, "contracts", contracts.hold),
    (7, "admission", _bring_to_size),
    (7, "masking", masking.mask),
    (7, "routing", _make_ready),
)
