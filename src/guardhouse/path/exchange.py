"""One request and its answer, from the first judged byte to the closed record: what the stages read and write.

A stage may read what earlier stages set and sets what its own section names; the sections below are in the order of the
pipeline. Nothing here outlives the exchange, and nothing of it is logged: the record is built field by field.
"""

from typing import Any, Protocol

import msgspec

from guardhouse.audit.record import Control
from guardhouse.identity.api_keys import Presented
from guardhouse.limits.table import Admitted, Limited
from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.signals import Signals
from guardhouse.model.usage import Usage
from guardhouse.path.upstream import UpstreamConnection
from guardhouse.policy.snapshot import Grant, Model, Policies, Snapshot, Target
from guardhouse.wire.http1.head import Head


class Caller(Protocol):
    """The caller's connection, as the stages after the upstream see it."""

    upstream: UpstreamConnection | None
    presented: tuple[dict[bytes, bytes], Presented] | None  # the last head with a credential, and what it presented

    @property
    def gone(self) -> bool: ...
    def start(self, head: bytes) -> None: ...
    def send(self, part: bytes) -> None: ...
    def finish(self, exchange: "Exchange", last: bytes, *, keep_alive: bool) -> None: ...
    def abort(self) -> None: ...


class Cancellable(Protocol):
    def cancel(self, denial: Denial) -> None: ...


class Exchange(msgspec.Struct):
    # listener
    caller: Caller
    client: str
    at: float  # Unix time of the first judged byte
    started: float  # the loop's clock
    id: str
    snapshot: Snapshot  # the one revision this exchange is decided under
    head: Head | None = None  # None: the bytes never were a request
    body: bytes | bytearray = b""
    keep_alive: bool = False
    # routing (recognise)
    operation: Operation | None = None
    # identity
    principal: Principal | None = None
    # authorization (may_operate)
    policies: Policies = 0  # those that give the principal this operation
    # validation
    document: Any = None
    encoded: bytes = b""  # the judged document, as it will be sent
    stream: bool = False
    # authorization
    model: Model | None = None
    grant: Grant | None = None
    # admission
    admission: Admitted | Limited | None = None
    # inspection
    mask_response: int = 0  # bits of Entity
    signals: Signals | None = None
    masked: dict[str, int] = {}
    # routing (choose)
    target: Target | None = None
    usage_added: bool = False
    # upstream, response
    opened: bool = False
    begun: bool = False  # the head of the answer has gone to the caller
    status: int = 0
    first_byte: float = 0.0
    answer: bytes = b""
    answer_type: bytes = b"application/json"
    answer_headers: bytes = b""
    masked_response: dict[str, int] = {}
    usage: Usage | None = None
    finish_reason: str = ""
    output_chars: int = 0
    bytes_out: int = 0
    # record
    denial: Denial | None = None
    passed: int = 0  # how many stages were passed, in the order of the pipeline
    controls: dict[str, Control] = {}  # what the others did
    carriage: Cancellable | None = None
    closed: bool = False
