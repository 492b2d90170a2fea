"""Budgets where it counts: under parallel requests to a real gateway, and over the death of its worker."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.polling import eventually


def limited(**limits: Any) -> dict[str, Any]:
    policy = {"name": "research", "who": {"groups": ["research"]}, "may": ["chat"], "models": ["tiny"]}
    models = {"tiny": {"targets": ["local"], "preamble": 0}}
    return {"models": models, "policies": [{**policy, "limits": limits}]}


def spent(gateway: Gateway) -> int:
    closed = [record for record in gateway.records() if record["kind"] == "closed"]
    return sum(record.get("input_tokens", 0) + record.get("output_tokens", 0) for record in closed)


def test_200_requests_at_a_time_get_no_more_than_there_is(tmp_path: Path) -> None:
    """Each reserves some 170 tokens and there are 1,200: seven at most are under way, and the sum of all that is used
    stays within the budget."""
    with RecordingBackend() as back_end, running(tmp_path, back_end.url, limited(budget="1200 tokens/day")) as gateway:
        with ThreadPoolExecutor(64) as pool:
            statuses = list(pool.map(lambda _: gateway.chat("hello", max_tokens=100).status, range(200)))
        assert set(statuses) == {200, 429}
        assert 0 < spent(gateway) <= 1200
        refused = gateway.chat("hello", max_tokens=1100)
        assert refused.status == 429
        assert b"budget_exhausted" in refused.body


def test_what_was_used_is_still_used_after_the_worker_was_killed(tmp_path: Path) -> None:
    with RecordingBackend() as back_end, running(tmp_path, back_end.url, limited(quota="7 requests/month")) as gateway:
        for round_ in range(3):
            assert [gateway.chat("hello").status for _ in range(2)] == [200, 200], round_
            (worker,) = gateway.workers()
            os.kill(worker, signal.SIGKILL)
            eventually(lambda worker=worker: gateway.workers() not in ([], [worker]), 10, "there is another worker")  # type: ignore[misc]
            eventually(gateway.ready, 10, "it serves")
        assert [gateway.chat("hello").status for _ in range(2)] == [200, 429]


def test_what_was_used_is_still_used_after_an_orderly_restart(tmp_path: Path) -> None:
    with RecordingBackend() as back_end, running(tmp_path, back_end.url, limited(quota="3 requests/month")) as gateway:
        assert gateway.chat("hello").status == 200
        gateway.stop()
        saved = gateway.state / "limits" / "w0.json"
        assert saved.exists()
        gateway.start()
        assert [gateway.chat("hello").status for _ in range(3)] == [200, 200, 429]
