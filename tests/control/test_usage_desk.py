import os
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from guardhouse.control.state import State, prepare
from guardhouse.control.usage_desk import WANTED_FOR, UsageDesk, UsageReport
from guardhouse.model.bulletin import publish
from guardhouse.model.figures import MemoryFigures, TargetFigures, WorkerFigures
from guardhouse.readers.usage import UsageReader

NOW = 1_800_000_000.0
BUSY = WorkerFigures(
    connections=3,
    exchanges=2,
    held=1,
    paused=4,
    policy_taken=False,
    memory={"requests": MemoryFigures(5, 9)},
    targets={"gpu": TargetFigures(2, 8, 1)},
    limits_store="away",
    journeys=9,
)


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    prepare(state)
    publish(state.figures_of("w0"), BUSY, durable=False)
    return state


@pytest.fixture
def desk(state: State) -> UsageDesk:
    return UsageDesk(state, UsageReader(), 2, NOW - 60, lambda: False)


def test_nothing_is_written_as_long_as_nobody_asks(desk: UsageDesk, state: State) -> None:
    desk.poll(NOW)
    assert not state.usage.exists()


def test_who_asks_is_answered_for_a_while(desk: UsageDesk, state: State) -> None:
    state.usage_wanted.touch()
    os.utime(state.usage_wanted, (NOW, NOW))
    desk.poll(NOW + 1)
    report = msgspec.json.decode(state.usage.read_bytes(), type=UsageReport)
    assert report == UsageReport(at=NOW + 1, since=NOW - 60, principals=[], workers={"w0": BUSY})
    state.usage.unlink()
    desk.poll(NOW + WANTED_FOR)
    assert not state.usage.exists()


def test_the_gauges_show_what_each_worker_last_told(desk: UsageDesk, state: State) -> None:
    state.figures_of("w1").write_text("not figures")
    registry = CollectorRegistry()
    registry.register(desk)
    shown = generate_latest(registry).decode()
    assert 'guardhouse_connections{worker="w0"} 3.0' in shown
    assert 'guardhouse_exchanges_held{worker="w0"} 1.0' in shown
    assert 'guardhouse_policy_taken{worker="w0"} 0.0' in shown
    assert 'guardhouse_callers_paused{worker="w0"} 4.0' in shown
    assert 'guardhouse_memory_held_bytes{of="requests",worker="w0"} 5.0' in shown
    assert 'guardhouse_memory_limit_bytes{of="requests",worker="w0"} 9.0' in shown
    assert 'guardhouse_target_waiting{target="gpu",worker="w0"} 1.0' in shown
    assert 'guardhouse_target_limit{target="gpu",worker="w0"} 8.0' in shown
    assert 'guardhouse_limits_store_away{worker="w0"} 1.0' in shown
    assert 'guardhouse_limits_store_away{worker="control"} 0.0' in shown
    assert "w1" not in shown
