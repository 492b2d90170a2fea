"""What one worker's exchanges share: the snapshot, the keys and tokens, the limits, the journal and the upstreams.

There is one DataPlane per worker and it is passed as an argument; nothing in the path is a module global. `snapshot` is
replaced as a whole and an exchange keeps the one it began with, so an exchange is decided under exactly one revision.
"""

import asyncio
import os
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Protocol

from guardhouse.audit.journal import Journal
from guardhouse.identity.guard import Guard
from guardhouse.identity.key_feed import KeyFeed
from guardhouse.identity.mtls import Certificates
from guardhouse.identity.replays import Replays
from guardhouse.identity.tokens import TokenTable
from guardhouse.inspect.signals import HashKey
from guardhouse.limits.book import Book
from guardhouse.limits.capacity import Crew
from guardhouse.limits.table import LimitTable
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.canary import Canary
from guardhouse.path.gates import Gates
from guardhouse.path.intakes import Intakes
from guardhouse.path.memory import Memory
from guardhouse.path.pools import Upstreams
from guardhouse.path.retrying import RetryBudget
from guardhouse.path.seals import Seals
from guardhouse.path.sharing import Sharing
from guardhouse.policy.sections.headers import NEEDED
from guardhouse.policy.settings import HeaderRules, Settings
from guardhouse.policy.snapshot import Snapshot
from guardhouse.wire.http1.head import RequestLimits

_ID_BYTES = 12


class Open(Protocol):
    """A connection that the sweep looks after and that a shutdown ends."""

    def sweep(self, now: float) -> None: ...
    def oversee(self) -> None: ...
    def drain(self) -> None: ...
    def abort(self) -> None: ...


def _headers(rules: HeaderRules | None) -> tuple[frozenset[bytes] | None, frozenset[bytes]]:
    """Which headers are allowed, and which are refused."""
    if rules is None:
        return None, frozenset()
    allowed = None if rules.allow is None else frozenset(name.encode() for name in (*rules.allow, *NEEDED))
    return allowed, frozenset(name.encode() for name in rules.refuse)


class DataPlane:
    __slots__ = (
        "_random",
        "_random_left",
        "answers",
        "canary",
        "certificates",
        "connections",
        "connections_by_address",
        "draining",
        "drifts",
        "gates",
        "guard",
        "hash_key",
        "held",
        "intakes",
        "journal",
        "keys",
        "lane",
        "limits",
        "loop",
        "loop_time",
        "memory",
        "parts",
        "policy_taken",
        "replays",
        "request_limits",
        "retries",
        "seals",
        "settings",
        "shadow",
        "sharing",
        "snapshot",
        "tokens",
        "upstreams",
    )

    def __init__(
        self,
        *,
        settings: Settings,
        snapshot: Snapshot,
        keys: KeyFeed,
        tokens: TokenTable,
        hash_key: HashKey,
        seals: Seals,
        journal: Journal,
        upstreams: Upstreams,
        gates: Gates,
        sharing: Sharing | None = None,
        loop: AbstractEventLoop,
        worker: int = 0,
    ) -> None:
        self.settings = settings
        limits = settings.listen.limits
        self.request_limits = RequestLimits(
            limits.headers, limits.header_bytes, limits.body, *_headers(settings.listen.headers)
        )
        self.parts = limits.parts  # that a body may have
        self.snapshot = snapshot
        self.policy_taken = True  # False: there is a newer one that this worker could not take, in whole or in part
        self.shadow: Snapshot | None = None  # evaluated beside it, decides nothing
        self.canary: Canary | None = None  # decides instead of it for some principals
        self.keys = keys
        self.tokens = tokens
        tls = settings.listen.tls
        self.certificates = None if tls is None or tls.clients is None else Certificates(tls.clients)
        self.replays = Replays(settings.state / "nonces")
        if snapshot.signatures is not None:
            self.replays.begin(self.now())
        self.guard = Guard(settings.signins)
        self.hash_key = hash_key
        self.seals = seals
        self.journal = journal
        self.upstreams = upstreams
        self.gates = gates
        self.loop = loop
        self.loop_time: Callable[[], float] = loop.time
        self.intakes = Intakes(loop, Crew(worker, settings.workers))
        self.memory = Memory("requests", limits.memory, loop.call_soon)
        self.answers = Memory("answers", settings.upstream.memory, loop.call_soon)
        self.retries = RetryBudget(settings.upstream.retries, loop.time())
        self.sharing = sharing
        self.limits: Book = LimitTable() if sharing is None else sharing.book
        self.connections: set[Open] = set()
        self.connections_by_address: dict[str, int] = {}
        self.draining = False
        self.drifts: set[tuple[str, str, str]] = set()  # names of models in answers that were told of
        self.held = 0  # exchanges that wait for their turn
        self.lane = asyncio.Lock()  # of files that are judged, one has it for a piece
        self._random = b""
        self._random_left = 0

    def let_in(self, connection: Open, address: str) -> Verdict:
        """A connection is there, and counts even if it is refused."""
        self.connections.add(connection)
        if not self.count_in(address):
            return Denial(Reason.CONNECTIONS_EXCEEDED, retry_after=1.0)
        return Denial(Reason.DRAINING, retry_after=1.0) if self.draining else None

    def let_out(self, connection: Open, address: str) -> None:
        self.connections.discard(connection)
        self.count_out(address)

    def count_in(self, address: str) -> bool:
        """Whether the address may have one more."""
        open_here = self.connections_by_address.get(address, 0) + 1
        self.connections_by_address[address] = open_here
        return open_here <= self.settings.listen.limits.connections_per_address

    def count_out(self, address: str) -> None:
        left = self.connections_by_address.get(address, 1) - 1
        if left:
            self.connections_by_address[address] = left
        else:
            self.connections_by_address.pop(address, None)

    def now(self) -> float:
        return time.time()

    def mint_id(self) -> str:
        """96 random bits, drawn from the system in blocks: an id tells nothing about any other exchange."""
        if not self._random_left:
            self._random = os.urandom(_ID_BYTES * 256)
            self._random_left = len(self._random)
        self._random_left -= _ID_BYTES
        return self._random[self._random_left : self._random_left + _ID_BYTES].hex()
