"""The store of shared limits at the start of a worker: there, away, or it is to end before that is known."""

import asyncio
import secrets

from guardhouse.limits.shared.away import Substitute
from guardhouse.limits.shared.courier import Courier
from guardhouse.limits.shared.joint import SharedBook
from guardhouse.limits.shared.journeys import Place
from guardhouse.path.sharing import Sharing
from integration.polling import free_port
from integration.valkey import a_store


def sharing_over(port: int) -> tuple[Sharing, list[str]]:
    told: list[str] = []
    place = Place("127.0.0.1", port, worker="w0", timeout=2.0, prefix=secrets.token_hex(8))
    courier = Courier(place, asyncio.get_running_loop(), lambda name, _: told.append(name))
    sharing = Sharing(courier, SharedBook(courier, Substitute("closed", 1), 1.0))
    courier.open()
    return sharing, told


def test_limits_are_shared_when_the_start_is_over() -> None:
    async def scene(port: int) -> None:
        sharing, told = sharing_over(port)
        assert sharing.courier.away
        await sharing.until_tried(asyncio.Event())
        assert (sharing.courier.away, told) == (False, [])
        await sharing.end()

    with a_store() as store:
        asyncio.run(scene(store.port))


def test_a_store_that_is_away_is_found_out_and_not_waited_for() -> None:
    async def scene() -> None:
        sharing, told = sharing_over(free_port())
        await sharing.until_tried(asyncio.Event())
        assert (sharing.courier.away, told) == (True, ["limits_store.away"])
        await sharing.end()

    asyncio.run(scene())


def test_a_worker_that_is_to_end_waits_for_no_store() -> None:
    async def scene() -> None:
        stopping = asyncio.Event()
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)  # it never greets
        sharing, told = sharing_over(server.sockets[0].getsockname()[1])
        stopping.set()
        await sharing.until_tried(stopping)
        assert (sharing.courier.away, told) == (True, [])
        await sharing.end()
        server.close()

    asyncio.run(scene())
