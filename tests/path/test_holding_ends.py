"""However exchanges end, what they held of a worker's memory is given back, to the byte."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playbook import Play, Wire, chat, chunk_event, completion, perform, post, reply, stream
from rooms import CONFIG, CUT, KIB, LARGE, QUEUED, Stuffed, is_empty, later, stuffed_pair

from guardhouse.path.listener import Connection

SCRIPTS: list[Callable[[bytes], Sequence[bytes | None]]] = [
    lambda _: [reply(completion("fine"))],
    lambda _: [reply(completion("y" * 9000))[:4000], reply(completion("y" * 9000))[4000:]],
    lambda _: [reply({"error": {}}, b"500 Internal Server Error")],
    lambda _: [b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n{" + b" " * 5000, None],
    lambda _: [b"nonsense\r\n\r\n"],
    lambda _: [],
    lambda _: stream(chunk_event("a"), chunk_event("b")),
]
ENDINGS = ("stays", "leaves", "timeout", "revoked", "drain")
MESSAGES = (
    post(chat("x")),
    LARGE,
    LARGE[:CUT],
    post(b"{" * 20_000),
    LARGE * 3,
    post(chat("x", stream=True)) + LARGE[:CUT],
)

exchanges = st.lists(
    st.tuples(
        st.integers(0, len(MESSAGES) - 1),
        st.integers(0, len(SCRIPTS) - 1),
        st.sampled_from(ENDINGS),
        st.booleans(),
        st.integers(0, 6),
    ),
    min_size=1,
    max_size=14,
)


@pytest.mark.parametrize("config", [CONFIG, QUEUED], ids=["at once", "queued"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=exchanges, cut=st.integers(1, 40_000))
def test_however_exchanges_end_what_is_held_returns_to_zero(
    tmp_path_factory: pytest.TempPathFactory, config: str, plan: list[tuple[int, int, str, bool, int]], cut: int
) -> None:
    async def scene(play: Play) -> None:
        callers: list[tuple[Wire, Connection, str]] = []
        for message, script, ending, reads, turns in plan:
            play.server.script = SCRIPTS[script]
            wire, connection = play.connect() if reads else stuffed_pair(play)
            callers.append((wire, connection, ending))
            sent = MESSAGES[message]
            for part in (sent[:cut], sent[cut:]):
                if part and not wire.closed and (wire.is_reading() or ending == "stays"):  # TLS may have read ahead
                    connection.data_received(part)
                await play.turn(turns)
            assert play.plane.memory.held <= 256 * KIB
        for wire, connection, ending in callers:
            if ending == "leaves":
                connection.connection_lost(None)
            elif ending == "timeout" and not wire.closed:
                connection.sweep(later(play, 100.0))
            elif ending == "drain":
                connection.drain()
            elif ending == "revoked" and isinstance(wire, Stuffed):
                wire.drain()
            await play.turn(3)
        await play.turn()
        for _, connection, ending in callers:
            if ending != "leaves":
                connection.connection_lost(None)
        await play.turn()
        assert is_empty(play)
        assert (play.plane.held, play.plane.memory._claims, play.plane.journal.open_count) == (0, {}, 0)

    perform(tmp_path_factory.mktemp("play"), scene, config=config)
