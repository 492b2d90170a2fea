"""Refusals that two gateways count together in a real Valkey, and each alone while it is away."""

import json
from pathlib import Path
from typing import Any

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.polling import eventually
from integration.valkey import Store, a_store

FELT = 3.0
AWAY = 'guardhouse_limits_store_away{worker="control"}'


def changes(store: Store) -> dict[str, Any]:
    rule = {"name": "probing", "reasons": ["model_denied"], "above": "5/min", "lasting": "1h"}
    return {"suspend": [rule], "limits_store": {"url": store.url}}


def code_of(gateway: Gateway) -> str:
    answer = gateway.chat("hello")
    return "" if answer.status == 200 else str(json.loads(answer.body)["error"]["code"])


def refuse(gateway: Gateway, times: int) -> None:
    for _ in range(times):
        assert gateway.chat("hello", model="secret").status == 403


def told(gateway: Gateway) -> list[str]:
    lines = b"".join(path.read_bytes() for path in sorted((gateway.state / "journal" / "control").glob("*.jsonl")))
    return [record["name"] for record in map(json.loads, lines.splitlines()) if record["kind"] == "event"]


def test_refusals_at_two_gateways_add_up_and_without_the_store_each_counts_alone(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with (
        a_store() as store,
        RecordingBackend() as back_end,
        running(tmp_path / "first", back_end.url, changes(store)) as first,
        running(tmp_path / "second", back_end.url, changes(store)) as second,
    ):
        for gateway in (first, second):
            eventually(lambda: f"{AWAY} 0.0" in gateway.metrics(), FELT, "the store is asked")  # noqa: B023
        refuse(first, 4)
        eventually(lambda: store.client.keys("guardhouse*refused*") != [], FELT, "what the first has refused is there")
        refuse(second, 2)
        eventually(lambda: code_of(second) == "principal_suspended", FELT, "the rule is felt")
        assert code_of(first) == ""
        store.kill()
        eventually(lambda: f"{AWAY} 1.0" in first.metrics(), FELT, "the store is away")
        refuse(first, 2)
        eventually(lambda: code_of(first) == "principal_suspended", FELT, "the first counts alone")
        store.start_again()
        eventually(lambda: f"{AWAY} 0.0" in first.metrics(), FELT, "the store is asked again")
        names = [name for name in told(first) if name.startswith("limits_store.")]
        assert names == ["limits_store.away", "limits_store.back"]
