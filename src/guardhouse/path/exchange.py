"""One request and its answer, from the first judged byte to the closed record: what the stages read and write.

A stage may read what earlier stages set and sets what its own section names; the sections below are in the order of the
pipeline. Nothing here outlives the exchange, and nothing of it is logged: the record is built field by field.

These are plain classes and no structs, because the compiled build turns their attributes into members of a C struct.
"""

from abc import ABC, abstractmethod
from typing import Any, Final, Protocol

from guardhouse.audit.record import Attempt, Control, Media, Server, Stored, Unseen
from guardhouse.identity.certificate import Certified
from guardhouse.identity.key_table import Presented
from guardhouse.identity.tokens import PresentedToken
from guardhouse.limits.book import Admitted, Limited, Pending
from guardhouse.limits.intake import Slot
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.model.signals import Signals
from guardhouse.model.text import Text
from guardhouse.model.usage import Usage
from guardhouse.path.memory import Charge
from guardhouse.path.size import Size
from guardhouse.path.upstream import UpstreamConnection
from guardhouse.policy.snapshot import Grant, Model, Policies, Snapshot, Target
from guardhouse.residency.keeping import Keep
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.http1.head import Head

NO_MEDIA: Final[dict[str, int]] = {}  # of most; it is replaced, never changed


class Caller(ABC):
    """The caller's connection, as the stages after the upstream see it."""

    __slots__ = ("certificate", "presented", "upstream")

    def __init__(self) -> None:
        self.upstream: UpstreamConnection | None = None  # what feeds the answer that flows now
        self.certificate: Certified | None = None  # what the caller proved to hold when it connected
        self.presented: tuple[dict[bytes, bytes], Presented | PresentedToken] | None = (
            None  # the last head with a credential, and what it was
        )

    @property
    @abstractmethod
    def gone(self) -> bool: ...

    @abstractmethod
    def start(self, head: bytes) -> None: ...

    @abstractmethod
    def render(self, exchange: "Exchange") -> bytes:
        """The whole answer of an exchange that was allowed, as `finish` takes it."""

    @abstractmethod
    def refuse(self, exchange: "Exchange", denial: Denial) -> bytes:
        """The same for one that was not."""

    @abstractmethod
    def send(self, part: bytes) -> None: ...

    @abstractmethod
    def finish(self, exchange: "Exchange", last: bytes, *, keep_alive: bool) -> None: ...

    @abstractmethod
    def abort(self) -> None: ...


# A stage's third answer: the exchange is held, and `exchange.waiting` says for what. Told by identity; for whoever does
# not know it, it is a denial like any other.
HELD: Final = Denial(Reason.INTERNAL, "The exchange is held.")


class Cancellable(Protocol):
    def cancel(self, denial: Denial) -> None: ...


class Metering(ABC):
    """Says whether an answer that flows may go on."""

    __slots__ = ()

    @abstractmethod
    def judge(self, characters: int) -> Verdict: ...


class Detour:
    """What was out of the ordinary on the way of an exchange."""

    __slots__ = ("attempts", "instead_of", "waited")

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []  # those that failed, and the last one
        self.waited = 0.0  # seconds that it was held
        self.instead_of = ""  # the model that was asked for, if `model` is its fallback


class Foreseen:
    """What a policy on trial says of an exchange; told when it is known what has become of it."""

    __slots__ = ("changed", "reason", "revision")

    def __init__(self, revision: str, reason: Reason | None, changed: list[str]) -> None:
        self.revision = revision
        self.reason = reason  # None: it would pass
        self.changed = changed  # what would come with it otherwise


class Exchange:
    __slots__ = (
        "admission",
        "answer",
        "answer_charge",
        "answer_headers",
        "answer_type",
        "answered",
        "asked",
        "at",
        "begun",
        "body",
        "bytes_out",
        "caller",
        "carriage",
        "charge",
        "client",
        "closed",
        "controls",
        "denial",
        "detour",
        "document",
        "encoded",
        "finish_reason",
        "first_byte",
        "foreseen",
        "found",
        "grant",
        "head",
        "id",
        "injections",
        "keep",
        "keep_alive",
        "mask_response",
        "masked",
        "masked_response",
        "media",
        "media_kinds",
        "meter",
        "model",
        "opaque",
        "opened",
        "operation",
        "output_chars",
        "passed",
        "policies",
        "principal",
        "refused_by",
        "route",
        "sent",
        "servers",
        "signals",
        "signed_by",
        "size",
        "slot",
        "snapshot",
        "started",
        "status",
        "stored",
        "stream",
        "target",
        "unevaluated",
        "unseen",
        "usage",
        "usage_added",
        "waiting",
        "withheld",
    )

    def __init__(  # noqa: PLR0917 - called in one place, on the path; names would cost what they say
        self, caller: Caller, client: str, at: float, started: float, exchange_id: str, snapshot: Snapshot
    ) -> None:
        # listener
        self.caller = caller
        self.client = client
        self.at = at  # Unix time of the first judged byte, or of when its turn came
        self.started = started  # the loop's clock
        self.id = exchange_id
        self.snapshot = snapshot  # the one revision this exchange is decided under
        self.head: Head | None = None  # None: the bytes never were a request
        self.body: bytes | bytearray = b""
        self.keep_alive: bool = False
        self.charge: Charge | None = None  # what it counts for in the worker's memory: see holding.py
        self.answer_charge: Charge | None = None
        # routing (recognise), identity, authorization (may_operate)
        self.route: Route | None = None
        self.operation: Operation | None = None  # the route's
        self.principal: Principal | None = None
        self.policies: Policies = 0  # those that give the principal this operation
        # validation, inspection
        self.signed_by: str = ""  # the name of the key, if there is a signature and it holds
        self.document: Any = None
        self.encoded: bytes = b""  # the judged document, as it will be sent
        self.asked: str = ""  # the name of the model as the caller gave it
        self.stream: bool = False
        self.found: tuple[list[Text], int] | None = None  # texts, and what may be in them; given up after masking
        self.signals: Signals | None = None
        # authorization
        self.model: Model | None = None
        self.grant: Grant | None = None
        self.injections: dict[str, int] = {}  # in structured parameters, by kind, where a policy notes them
        self.servers: tuple[Server, ...] = ()  # that the model server is to connect to
        self.stored: tuple[Stored, ...] = ()  # at the model server, and referred to
        self.foreseen: Foreseen | None = None  # what a policy on trial says of it
        self.keep: Keep = ()  # where its bytes may be, by the policies and the model that was asked for
        self.opaque: bool | None = None  # whether part of it is no text; None: nobody has asked
        self.refused_by: tuple[str, ...] = ()  # the policies that denied it
        # admission
        self.size: Size | None = None  # in tokens; None where nothing is limited
        self.admission: Admitted | Limited | None = None
        self.meter: Metering | None = None  # of an answer that flows under a budget
        self.waiting: Pending | None = None  # what it is held for
        self.detour: Detour | None = None  # most have none
        # masking, routing (choose)
        self.mask_response: int = 0  # bits of Entity
        self.masked: dict[str, int] = {}
        self.unevaluated: tuple[str, ...] = ()  # places of the request that nobody could look into
        self.media: tuple[Media, ...] = ()  # the first of them that are images, recordings or files
        self.media_kinds: dict[str, int] = NO_MEDIA  # how many of each kind there are
        self.withheld: dict[str, int] = {}  # what was taken out for the server that it went to
        self.target: Target | None = None
        self.slot: Slot | None = None  # its way through a target's capacity
        self.usage_added: bool = False
        self._begin_answer()

    def _begin_answer(self) -> None:
        # upstream, response
        self.opened: bool = False
        self.sent: bool = False  # a model server may have it
        self.begun: bool = False  # the head of the answer has gone to the caller
        self.status: int = 0
        self.first_byte: float = 0.0
        self.answer: bytes = b""
        self.answer_type: bytes = b"application/json"
        self.answer_headers: bytes = b""
        self.answered: str = ""  # what the model server calls the model, where it says so
        self.masked_response: dict[str, int] = {}
        self.unseen: Unseen | None = None  # what of the answer nobody could look into; most have none
        self.usage: Usage | None = None
        self.finish_reason: str = ""
        self.output_chars: int = 0
        self.bytes_out: int = 0
        self.denial: Denial | None = None
        self.passed: int = 0  # how many stages were passed, in the order of the pipeline
        self.controls: dict[str, Control] = {}  # what the others did
        self.carriage: Cancellable | None = None
        self.closed: bool = False
