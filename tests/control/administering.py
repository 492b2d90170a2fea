"""The admin port without its process: every part that answers on it, over a store and a journal in a folder.

The policy has one role per administering operation, one with all of them, and a group that may infer only. `Stage.ask`
goes through the whole ASGI application, Host check and all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec

from guardhouse.audit.journal import Journal
from guardhouse.control import admin
from guardhouse.control.administration import Administration
from guardhouse.control.issuer_board import IssuerBoard
from guardhouse.control.issuer_keys import Fetch
from guardhouse.control.key_fetch import fetch_keys
from guardhouse.control.key_ring import KeyRing
from guardhouse.control.minting import Minter
from guardhouse.control.standing_publisher import StandingPublisher
from guardhouse.control.standing_store import Act, StandingStore
from guardhouse.control.state import State, prepare
from guardhouse.control.store import Store
from guardhouse.control.usage_desk import UsageDesk
from guardhouse.identity.api_keys import KeyTerms
from guardhouse.model.operation import OF_ACCESS, Operation
from guardhouse.policy.edition import Edition, seal
from guardhouse.policy.load import Loaded, load_content
from guardhouse.policy.sections.people import host_of, origin_of
from guardhouse.readers.usage import UsageReader

Scene = Callable[["Stage"], Awaitable[None]]
BASE = "http://127.0.0.1:9090"
ADMINISTERING = OF_ACCESS["administer"]

POLICY = (
    """\
version: 1
state: ./state
targets: {local: {kind: openai, url: "http://127.0.0.1:9"}}
models: {small: {targets: [local]}}
policies:
  - {name: research, who: {groups: [research]}, may: [chat], models: [small]}
  - {name: all of it, who: {roles: [root]}, may: [administer]}
  - {name: no keys from afar, effect: deny, who: {ids: ["*"]}, may: [keys.write], when: {network: [afar]}}
"""
    + "".join(
        f"  - {{name: {operation.word}, who: {{roles: [may-{operation.word}]}}, may: [{operation.word}]}}\n"
        for operation in ADMINISTERING
    )
    + "networks: {afar: [198.51.100.0/24]}\n"
)


def loaded(folder: Path, text: str) -> Loaded:
    read = load_content(text.encode(), folder / "guardhouse.yaml", {})
    assert isinstance(read, Loaded), read
    return read


class Stage:
    def __init__(self, folder: Path, policy: str = POLICY, fetch: Fetch = fetch_keys) -> None:
        self.folder = folder
        read = loaded(folder, policy)
        self.settings = read.settings
        self.state = State(read.settings.state)
        self.secrets = prepare(self.state)
        self.store = Store(self.state.store)
        self.ring = KeyRing(self.store, self.secrets.pepper)
        loop = asyncio.get_running_loop()
        self.journal = Journal(self.state.journal / "control", worker="control", schedule=loop.call_soon)
        self.minter = Minter(self.state)
        issuers = self.settings.identity.issuers
        self.board = IssuerBoard(issuers, self.state, self.store, self.minter, self.note, fetch)
        self.board.turn(time.time())
        self.standing = StandingPublisher(self.store, self.state.standing, self.journal)
        self.edition = Edition(at=0, base=str(folder), started=seal(read.document), active=seal(read.document))
        self.administration = Administration(
            self.settings,
            self.state,
            self.store,
            self.journal,
            minter=self.minter,
            revoke=self.board.revoke,
            edition=lambda: self.edition,
            usage=UsageDesk(self.state, UsageReader(), 1, 0.0, lambda: None).report,
        )
        self.callers = self.administration.callers
        self.application = admin.application(
            "127.0.0.1",
            lambda: b"",
            list,
            self.administration.routes(),
            host_of(origin_of(self.settings.admin)),
        )
        self.client = self.browser()

    def browser(self, client: str = "127.0.0.1", base: str = BASE) -> httpx.AsyncClient:
        """Somebody at the port, with cookies of their own."""
        transport = httpx.ASGITransport(self.application, raise_app_exceptions=False, client=(client, 50_000))
        return httpx.AsyncClient(transport=transport, base_url=base, trust_env=False)

    async def settle(self) -> None:
        """Have issuers asked and everything published that is known."""
        self.board.turn(time.time())
        for _ in range(3):
            await asyncio.sleep(0)
        self.board.turn(time.time())

    def note(self, event: Any) -> None:
        self.journal.append(event)

    def activate(self, policy: str) -> None:
        sealed = seal(loaded(self.folder, policy).document)
        self.edition = msgspec.structs.replace(self.edition, active=sealed)

    def key(self, principal: str, *roles: str, groups: tuple[str, ...] = (), ends: float | None = None) -> str:
        terms = KeyTerms(principal=principal, roles=roles, groups=groups)
        return self.ring.create(terms, time.time(), ends)[0].key.reveal()

    def suspend(self, principal: str, until: float | None = None) -> None:
        act = Act(kind="principal", name=principal, at=time.time(), by="olga", until=until)
        StandingStore(self.store.engine).enter(act)
        self.standing.poll(time.time())

    async def ask(self, method: str, path: str, key: str | None = None, body: Any = None) -> httpx.Response:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return await self.client.request(method, path, headers=headers, json=body)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [record for record in map(msgspec.json.decode, self.written().splitlines()) if record["kind"] == "event"]

    def written(self) -> bytes:
        """The whole journal."""
        self.journal.flush()
        return b"".join(path.read_bytes() for path in sorted((self.state.journal / "control").glob("*.jsonl")))

    async def end(self) -> None:
        await self.client.aclose()
        for task in self.board._asking.values():
            task.cancel()
        self.journal.close()
        self.store.close()


def perform(folder: Path, scene: Scene, policy: str = POLICY, fetch: Fetch = fetch_keys) -> None:
    async def run() -> None:
        stage = Stage(folder, policy, fetch)
        try:
            await scene(stage)
        finally:
            await stage.end()

    asyncio.run(run())


def role_for(operation: Operation) -> str:
    return f"may-{operation.word}"
