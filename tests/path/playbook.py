"""Screenplays of the path without sockets: bytes of a caller in, bytes of a scripted model server, bytes and records
out.

Everything between the two transports is the real thing: listener, pipeline, stages, pools, journal. Only the transports
and the dialling are made here, so a play is deterministic and needs no port.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from guardhouse.audit.journal import Journal
from guardhouse.identity.api_keys import KeyRecord, digest, key_of
from guardhouse.identity.issuer_bulletin import IssuerBulletin
from guardhouse.identity.key_feed import FeedHeader, KeyFeed
from guardhouse.identity.tokens import TokenTable
from guardhouse.inspect.signals import HashKey
from guardhouse.limits.capacity import Crew
from guardhouse.model.bulletin import publish
from guardhouse.model.secret import Secret
from guardhouse.path import gates
from guardhouse.path.listener import Connection
from guardhouse.path.plane import DataPlane
from guardhouse.path.pools import Upstreams
from guardhouse.path.seals import Seals
from guardhouse.path.upstream import Pool, UpstreamConnection
from guardhouse.policy.load import Loaded, load
from guardhouse.policy.reaching import Patience
from guardhouse.policy.resilience import Retries
from identity.revoking import publish_revoked

PEPPER = Secret("11" * 32)
ALICE = b"gh_aliceaaaaaaa_" + b"A" * 43
BOB = b"gh_bobbbbbbbbbb_" + b"B" * 43
REVOKED = b"gh_revokedkeyyy_" + b"C" * 43

CONFIG = """
version: 1
targets:
  local: {kind: openai, url: "http://127.0.0.1:9", credential: "${env:UPSTREAM}"}
  spare: {kind: openai, url: "http://127.0.0.2:9"}
models:
  small: {targets: [local, spare]}
  renamed: {targets: [local], name: the-real-name}
  secret-model: {targets: [local]}
policies:
  - name: research
    who: {groups: [research]}
    may: [chat, completions, responses, embeddings, models.read]
    models: [small, renamed]
    limits: {requests: 1000/min, tokens: 1M/day}
    mask: {entities: [all], where: [request, response]}
  - name: others
    who: {ids: [bob]}
    may: [chat]
    models: [secret-model]
    limits: {requests: 2/min}
    mask: {entities: []}
    unknown_fields: refuse
"""


class Wire(asyncio.Transport):
    """A transport that keeps what is written and tells the listener of each write."""

    def __init__(self, heard: Callable[[bytes], None] | None = None) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.eof = False
        self.aborted = False
        self.unsent = 0
        self._paused = False
        self._heard = heard

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 4711) if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written after the end"
        self.written += bytes(data)
        if self._heard is not None:
            self._heard(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.eof = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False

    def is_reading(self) -> bool:
        return not self._paused


class ModelServer:
    """The scripted upstream. `script` makes, of each request's bytes, the pieces that are answered one turn apart."""

    def __init__(self, script: Callable[[bytes], Sequence[bytes | None]]) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.wires: list[Wire] = []
        self.refuses: set[str] = set()  # targets that cannot be reached

    def document(self, index: int = -1) -> Any:
        return json.loads(self.requests[index].partition(b"\r\n\r\n")[2])

    async def dial(self, pool: Pool, patience: Patience) -> UpstreamConnection:
        if pool.target.name in self.refuses:
            raise ConnectionRefusedError
        connection = UpstreamConnection(pool)
        wire = Wire(lambda data: self._answer(connection, wire, data))
        self.wires.append(wire)
        connection.connection_made(wire)
        return connection

    def _answer(self, connection: UpstreamConnection, wire: Wire, data: bytes) -> None:
        self.requests.append(data)
        loop = asyncio.get_running_loop()
        pieces = list(self.script(data))

        def step() -> None:
            if not pieces or wire.closed:
                return
            piece = pieces.pop(0)
            if piece is None:
                wire.closed = True
                connection.connection_lost(None)
            else:
                connection.data_received(piece)
                loop.call_soon(step)

        loop.call_soon(step)


class Play:
    """One caller, one worker, one model server."""

    def __init__(self, directory: Path, server: ModelServer, loaded: Loaded) -> None:
        loop = asyncio.get_running_loop()
        self.server = server
        self.directory = directory
        feed = directory / "keys.feed"
        write_feed(feed)
        keys = KeyFeed(feed, PEPPER)
        keys.load()
        publish(directory / "issuers.json", IssuerBulletin())
        tokens = TokenTable(loaded.settings.identity.issuers, directory / "issuers.json", directory)
        publish_revoked(directory)
        tokens.load()
        self.plane = DataPlane(
            settings=loaded.settings,
            snapshot=loaded.snapshot,
            keys=keys,
            tokens=tokens,
            hash_key=HashKey("k1", b"h" * 32),
            seals=Seals(PEPPER),
            journal=Journal(directory / "journal", worker="w0", schedule=loop.call_soon),
            upstreams=Upstreams(loaded.settings.upstream, loop, server.dial),
            gates=gates.follow(directory, Crew(0, loaded.settings.workers)),
            loop=loop,
        )
        self.wire, self.caller = self.connect()

    def connect(self) -> tuple[Wire, Connection]:
        wire, caller = Wire(), Connection(self.plane)
        caller.connection_made(wire)
        return wire, caller

    async def turn(self, times: int = 300) -> None:
        for _ in range(times):
            await asyncio.sleep(0)

    async def say(self, *parts: bytes) -> "Answer":
        """Send bytes, let everything happen, and read the last answer."""
        before = len(self.wire.written)
        for part in parts:
            self.caller.data_received(part)
        await self.turn()
        return Answer(self.wire.written[before:])

    @property
    def journal(self) -> list[dict[str, Any]]:
        lines = b"".join(path.read_bytes() for path in sorted((self.directory / "journal").glob("*.jsonl")))
        return [json.loads(line) for line in lines.splitlines()]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for record in self.journal if record["kind"] in ("opened", "closed")]


class Answer:
    def __init__(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        self.raw = data
        self.status = int(line.split(b" ")[1]) if data else 0
        self.headers = dict(field.lower().split(b": ", 1) for field in fields)
        self.body = unchunk(body) if self.headers.get(b"transfer-encoding") == b"chunked" else body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def events(self) -> list[Any]:
        blocks = [block.removeprefix(b"data: ") for block in self.body.split(b"\n\n") if block]
        return [block if block == b"[DONE]" else json.loads(block) for block in blocks]


def unchunk(body: bytes) -> bytes:
    out = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        out += rest[:length]
        body = rest[length + 2 :]
        if not length:
            break
    return out


def perform(
    directory: Path,
    scene: Callable[[Play], Awaitable[None]],
    script: Callable[[bytes], Sequence[bytes | None]] | None = None,
    config: str = CONFIG,
) -> None:
    """Run one scene in a loop of its own."""
    path = directory / "guardhouse.yaml"
    path.write_text(config)
    loaded = load(path, {"UPSTREAM": "upstream-credential"})
    assert isinstance(loaded, Loaded), loaded
    if "retries:" not in config:  # a play does not wait
        upstream = msgspec.structs.replace(loaded.settings.upstream, retries=Retries(attempts=1))
        loaded = msgspec.structs.replace(loaded, settings=msgspec.structs.replace(loaded.settings, upstream=upstream))

    async def run() -> None:
        play = Play(directory, ModelServer(script or (lambda _: [reply(completion("fine"))])), loaded)
        try:
            await scene(play)
        finally:
            play.plane.journal.close()
            play.plane.keys.close()

    asyncio.run(run())


def write_feed(path: Path) -> None:
    pepper = key_of(PEPPER)
    records = [
        KeyRecord(
            id="aliceaaaaaaa", digest=digest(pepper, ALICE), principal="alice", groups=("research",), created_at=0.0
        ),
        KeyRecord(id="bobbbbbbbbbb", digest=digest(pepper, BOB), principal="bob", created_at=0.0),
        KeyRecord(id="revokedkeyyy", digest=digest(pepper, REVOKED), principal="eve", created_at=0.0, revoked_at=1.0),
    ]
    lines: Iterable[Any] = (FeedHeader(feed=1, base=len(records)), *records)
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


# what callers and model servers say


def post(document: Any, path: bytes = b"/v1/chat/completions", key: bytes | None = ALICE, extra: bytes = b"") -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    credential = b"" if key is None else b"authorization: Bearer " + key + b"\r\n"
    return (
        b"POST %b HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n%b%bcontent-length: %d\r\n\r\n%b"
        % (
            path,
            credential,
            extra,
            len(body),
            body,
        )
    )


def get(path: bytes, key: bytes | None = ALICE) -> bytes:
    credential = b"" if key is None else b"x-api-key: " + key + b"\r\n"
    return b"GET %b HTTP/1.1\r\nhost: gateway\r\n%b\r\n" % (path, credential)


def chat(text: str, model: str = "small", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def completion(text: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def reply(
    document: Any, status: bytes = b"200 OK", content_type: bytes = b"application/json", extra: bytes = b""
) -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return b"HTTP/1.1 %b\r\ncontent-type: %b\r\n%bcontent-length: %d\r\n\r\n%b" % (
        status,
        content_type,
        extra,
        len(body),
        body,
    )


def chunk_event(text: str | None, finish: str | None = None) -> bytes:
    delta = {} if text is None else {"content": text}
    return event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
    )


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def stream(*events: bytes) -> list[bytes]:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = [b"%x\r\n%b\r\n" % (len(one), one) for one in events]
    return [head, *chunks, b"0\r\n\r\n"]
