"""Limits that three workers count together in a store whose answers come too late or not at all.

The network in between makes the workers take the store for away and back again all the time, each for itself. What may
pass then is no matter of luck: docs/limits.md says it for each kind of limit, and whoever asks often finds no more.
"""

import time
from pathlib import Path

import pytest

from attack.recording import RecordingBackend
from integration.polling import eventually
from integration.slow_store import a_network
from integration.test_shared_limits import (
    BUDGET,
    FELT,
    LIMIT,
    codes,
    key_of,
    refilled,
    shared,
    tokens_of,
    told,
)
from integration.valkey import a_store

TIMEOUT = "50ms"
ROUNDS = 3
CLOSED = 200


@pytest.mark.parametrize(("delays", "lost"), [((0.04, 0.08), 0.0), ((0.0, 0.01), 0.1)], ids=["slow", "lossy"])
def test_whatever_the_store_does_no_budget_is_overrun_and_a_limit_at_most_doubled_where_it_goes_on_locally(
    tmp_path: Path, delays: tuple[float, float], lost: float
) -> None:
    with (
        a_store() as store,
        a_network(store.port) as network,
        RecordingBackend() as back_end,
        shared(tmp_path, back_end, network.url, TIMEOUT) as gateway,
    ):
        keys = {name: key_of(gateway, name) for name in ("rated", "closed", "budgeted")}
        begun = time.monotonic()
        network.delays, network.lost = delays, lost
        passed = dict.fromkeys(keys, 0)
        for _ in range(ROUNDS):
            for name, key in keys.items():
                passed[name] += codes(gateway, key, LIMIT)["ok"]
        assert told(gateway, "limits_store.back") > 0
        assert LIMIT // 2 < passed["rated"] <= 2 * (LIMIT + refilled(LIMIT, begun))
        assert passed["closed"] <= CLOSED + refilled(CLOSED, begun)
        assert tokens_of(gateway, "budgeted") <= BUDGET
        network.delays, network.lost = (0.0, 0.0), 0.0
        eventually(lambda: codes(gateway, keys["budgeted"], 60)["budget_exhausted"] == 60, FELT, "nothing is left")
        assert BUDGET * 0.9 < tokens_of(gateway, "budgeted") <= BUDGET
