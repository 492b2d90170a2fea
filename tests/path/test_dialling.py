"""Opening a socket to a model server: where to, as whom, for how long. The servers are real, the resolver is not."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path.dialling import Resolve, dialler
from guardhouse.path.pools import Upstreams
from guardhouse.path.upstream import UpstreamConnection
from guardhouse.policy.reaching import Patience, TargetTls, patience
from guardhouse.policy.settings import Upstream
from guardhouse.policy.snapshot import Target

NAME = "model.example"


def says(*answers: list[str]) -> tuple[Resolve, list[str]]:
    """A resolver that gives one answer after the other, and who was asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


def target(port: int, **members: Any) -> Target:
    given: dict[str, Any] = {"name": "t", "kind": "openai", "scheme": "http", "host": NAME, "port": port, **members}
    return Target(**given)


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[Any]]]:
    """Port, and the certificate of each who connected (None for those without)."""
    came: list[Any] = []
    writers: list[asyncio.StreamWriter] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peercert"))
        writers.append(writer)

    server = await asyncio.start_server(note, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()
        for _ in range(10):  # whoever has connected is handed over first
            await asyncio.sleep(0)
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


async def dialled(
    pointed: Target, resolve: Resolve, limits: Patience | None = None
) -> tuple[UpstreamConnection | Denial, list[str]]:
    """What came of it, and the events."""
    upstreams = Upstreams(Upstream(), asyncio.get_running_loop(), dialler(resolve))
    pool = upstreams.pool(pointed)
    made = await pool.connect(limits or pool.patience)
    if isinstance(made, UpstreamConnection):
        assert repr(pool) == "<Pool t: 1 open, 0 idle, 0 making>"
        made.discard()
    await asyncio.sleep(0)
    told = [f"{event.name} {event.facts.get('why', '')}".strip() for event in upstreams.wards.take_news(0.0)]
    return made, told


def outcome(made: UpstreamConnection | Denial) -> Reason | None:
    return made.reason if isinstance(made, Denial) else None


def test_a_name_that_leads_inside_is_refused_and_told_of() -> None:
    async def scene() -> None:
        async with listening() as (port, came):
            made, told = await dialled(target(port), says(["127.0.0.1"])[0])
            assert outcome(made) is Reason.UPSTREAM_ADDRESS_REFUSED
            assert told == ["target.address_refused loopback"]
            assert came == []

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("host", "addresses"), [(NAME, ("loopback",)), (NAME, ("127.0.0.0/8",)), ("127.0.0.1", ()), ("localhost", ())]
)
def test_what_is_written_out_or_declared_is_connected_to(host: str, addresses: tuple[str, ...]) -> None:
    async def scene() -> None:
        async with listening() as (port, _):
            made, _ = await dialled(target(port, host=host, addresses=addresses), says(["127.0.0.1"])[0])
            assert outcome(made) is None

    asyncio.run(scene())


def test_of_several_addresses_only_those_that_may_be_are_tried() -> None:
    async def scene() -> None:
        async with listening() as (port, _came):
            declared = target(port, addresses=("127.0.0.1/32", "127.0.0.3/32"))
            made, _ = await dialled(declared, says(["127.0.0.2", "127.0.0.3", "127.0.0.1"])[0])
            assert outcome(made) is None
            only = target(port, addresses=("127.0.0.3/32",))
            made, _ = await dialled(only, says(["127.0.0.1", "127.0.0.3"])[0])
            assert outcome(made) is Reason.UPSTREAM_UNREACHABLE

    asyncio.run(scene())


def test_a_name_is_asked_for_once_and_what_was_judged_is_what_is_connected_to() -> None:
    async def scene() -> None:
        async with listening() as (port, _):
            resolve, asked = says(["127.0.0.1"], ["169.254.169.254"])
            made, _ = await dialled(target(port, addresses=("loopback",)), resolve)
            assert outcome(made) is None
            assert asked == [NAME]
            made, told = await dialled(target(port, addresses=("loopback",)), resolve)
            assert outcome(made) is Reason.UPSTREAM_ADDRESS_REFUSED
            assert told == ["target.address_refused metadata"]

    asyncio.run(scene())


def test_nobody_there_is_unreachable_and_silence_is_a_time_out() -> None:
    async def scene() -> None:
        async def never(host: str, port: int) -> list[str]:
            await asyncio.Event().wait()
            return []

        async with listening() as (port, _):
            pass
        made, _ = await dialled(target(port, host="127.0.0.1"), says(["127.0.0.1"])[0])
        assert outcome(made) is Reason.UPSTREAM_UNREACHABLE
        short = msgspec.structs.replace(patience(Upstream(), None, None), connect=0.001)
        made, _ = await dialled(target(port), never, short)
        assert outcome(made) is Reason.UPSTREAM_CONNECT_TIMEOUT

        async def unknown(host: str, port: int) -> list[str]:
            raise OSError("Name or service not known")

        made, _ = await dialled(target(port), unknown)
        assert outcome(made) is Reason.UPSTREAM_UNREACHABLE

    asyncio.run(scene())


class Authority:
    """A certificate authority, its server, and its client."""

    def __init__(self, folder: Path, *names: str) -> None:
        self._authority = trustme.CA()
        self.pem = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(self.pem)
        self._issued = self._authority.issue_cert(*names or (NAME,))
        self.certificate, self.key = folder / "client.pem", folder / "client.key"
        self.renew("gateway.example")

    def renew(self, name: str) -> None:
        issued = self._authority.issue_cert(name)
        for path, blob in ((self.certificate, issued.cert_chain_pems[0]), (self.key, issued.private_key_pem)):
            fresh = path.with_suffix(".new")
            blob.write_to_path(fresh)
            fresh.replace(path)

    def server(self, *, clients: bool = False, most: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._issued.configure_cert(context)
        if most is not None:
            context.maximum_version = most
        if clients:
            self._authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def secured(port: int, tls: TargetTls | None) -> Target:
    return target(port, scheme="https", addresses=("loopback",), tls=tls)


def test_a_server_is_verified_by_name_and_by_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def scene() -> None:
        async with listening(authority.server()) as (port, _):
            resolve = says(["127.0.0.1"])[0]
            made, told = await dialled(secured(port, TargetTls(authorities=authority.pem)), resolve)
            assert (outcome(made), told) == (None, [])
            made, told = await dialled(secured(port, None), resolve)
            assert outcome(made) is Reason.UPSTREAM_TLS_FAILED
            assert told[0].startswith("target.tls_failed ")
            named = TargetTls(authorities=authority.pem, server_name="other.example")
            made, told = await dialled(secured(port, named), resolve)
            assert outcome(made) is Reason.UPSTREAM_TLS_FAILED
            assert "mismatch" in told[0]

    asyncio.run(scene())


def test_another_name_may_be_the_server_s(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "inner.example")

    async def scene() -> None:
        async with listening(authority.server()) as (port, _):
            tls = TargetTls(authorities=authority.pem, server_name="inner.example")
            made, _ = await dialled(secured(port, tls), says(["127.0.0.1"])[0])
            assert outcome(made) is None

    asyncio.run(scene())


def test_an_older_version_than_the_minimum_is_not_spoken(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def scene() -> None:
        async with listening(authority.server(most=ssl.TLSVersion.TLSv1_2)) as (port, _):
            resolve = says(["127.0.0.1"])[0]
            assert outcome((await dialled(secured(port, TargetTls(authorities=authority.pem)), resolve))[0]) is None
            modern = TargetTls(authorities=authority.pem, minimum="1.3")
            assert outcome((await dialled(secured(port, modern), resolve))[0]) is Reason.UPSTREAM_TLS_FAILED

    asyncio.run(scene())


def test_a_handshake_that_takes_too_long_has_a_reason_of_its_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def scene() -> None:
        async with listening() as (port, _):  # it accepts and says nothing
            short = msgspec.structs.replace(patience(Upstream(), None, None), tls=0.001)
            made, _ = await dialled(secured(port, TargetTls(authorities=authority.pem)), says(["127.0.0.1"])[0], short)
            assert outcome(made) is Reason.UPSTREAM_TLS_TIMEOUT

    asyncio.run(scene())


async def noted(came: list[Any], count: int) -> None:
    """The server's side of a handshake may end a turn later than the client's."""
    for _ in range(1000):
        if len(came) < count:
            await asyncio.sleep(0)


def names_in(certificate: Any) -> list[str]:
    return [value for _, value in certificate.get("subjectAltName", ())]


def test_the_gateway_shows_its_certificate_and_a_renewed_one_from_then_on(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def scene() -> None:
        async with listening(authority.server(clients=True, most=ssl.TLSVersion.TLSv1_2)) as (port, came):
            loop = asyncio.get_running_loop()
            upstreams = Upstreams(Upstream(), loop, dialler(says(["127.0.0.1"])[0]))
            tls = TargetTls(authorities=authority.pem, certificate=authority.certificate, key=authority.key)
            pool = upstreams.pool(secured(port, tls))
            upstreams.sweep(loop.time())
            first = await pool.connect(pool.patience)
            assert isinstance(first, UpstreamConnection)
            await noted(came, 1)
            pool.give_back(first)
            authority.renew("renewed.example")
            upstreams.sweep(loop.time() + 2)
            assert repr(pool) == "<Pool t: 0 open, 0 idle, 0 making>"  # it was opened in the old one's name
            second = await pool.connect(pool.patience)
            assert isinstance(second, UpstreamConnection)
            await noted(came, 2)
            second.discard()
            authority.certificate.write_text("no certificate")
            upstreams.sweep(loop.time() + 4)
            third = await pool.connect(pool.patience)
            assert isinstance(third, UpstreamConnection)
            await noted(came, 3)
            third.discard()
            told = [(event.name, event.severity) for event in upstreams.wards.take_news(0.0)]
            assert told == [("target.certificate", "notice"), ("target.certificate", "alert")]
            assert [names_in(each) for each in came] == [["gateway.example"], ["renewed.example"], ["renewed.example"]]

    asyncio.run(scene())


def test_a_server_that_asks_for_a_certificate_refuses_who_has_none(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def scene() -> None:
        async with listening(authority.server(clients=True, most=ssl.TLSVersion.TLSv1_2)) as (port, came):
            made, _ = await dialled(secured(port, TargetTls(authorities=authority.pem)), says(["127.0.0.1"])[0])
            assert outcome(made) is Reason.UPSTREAM_TLS_FAILED
            assert came == []

    asyncio.run(scene())
