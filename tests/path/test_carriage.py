"""The single end of an exchange, whoever comes first."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from playbook import Play, chat, perform, post

from guardhouse.path.pools import Upstreams
from guardhouse.path.upstream import Dial, Pool, UpstreamConnection
from guardhouse.policy.reaching import Patience


def dialling(play: Play, around: Callable[[], None]) -> Dial:
    """A dial that arranges for `around` to run between the making of a connection and its being handed over."""

    async def dial(pool: Pool, patience: Patience) -> UpstreamConnection:
        connection = await play.server.dial(pool, patience)
        asyncio.get_running_loop().call_soon(around)
        for _ in range(2):  # nobody's for two turns, and too late to be cancelled
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        return connection

    return dial


def leaving(play: Play) -> Callable[[], None]:
    def leave() -> None:
        play.wire.closed = True
        play.caller.connection_lost(None)

    return leave


@pytest.mark.parametrize("turns", range(4))
def test_a_connection_made_in_the_turn_in_which_the_caller_leaves_is_closed(tmp_path: Path, turns: int) -> None:
    """Or in one close to it: the connection is in nobody's hands for two turns, and gets its request in the third."""

    async def scene(play: Play) -> None:
        loop = asyncio.get_running_loop()
        leave = leaving(play)

        def later(left: int) -> None:
            if left:
                loop.call_soon(later, left - 1)
            else:
                leave()

        plane = play.plane
        plane.upstreams = Upstreams(plane.settings.upstream, loop, dialling(play, lambda: later(turns)))
        play.server.script = lambda _: []
        play.caller.data_received(post(chat("x")))
        await play.turn()
        (wire,) = play.server.wires
        assert wire.aborted
        model = plane.snapshot.models["small"]
        assert repr(plane.upstreams.pool(model.targets[0])) == "<Pool local: 0 open, 0 idle, 0 making>"
        opened, closed = play.records
        assert (opened["kind"], closed["outcome"], closed["reason"]) == ("opened", "cancelled", "client_left")
        assert bool(play.server.requests) is (turns > 1)

    perform(tmp_path, scene)


def test_a_connection_that_is_made_after_the_caller_has_left_is_not_waited_for(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        loop = asyncio.get_running_loop()
        never = loop.create_future()

        async def dial(pool: Pool, patience: Patience) -> UpstreamConnection:
            await never
            return await play.server.dial(pool, patience)

        play.plane.upstreams = Upstreams(play.plane.settings.upstream, loop, dial)
        play.caller.data_received(post(chat("x")))
        await play.turn(20)
        leaving(play)()
        await play.turn(20)
        assert never.cancelled()
        assert play.server.wires == []
        model = play.plane.snapshot.models["small"]
        assert repr(play.plane.upstreams.pool(model.targets[0])) == "<Pool local: 0 open, 0 idle, 0 making>"
        assert play.records[-1]["outcome"] == "cancelled"

    perform(tmp_path, scene)
