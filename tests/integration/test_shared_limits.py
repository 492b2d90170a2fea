"""Limits that three workers count together in a real Valkey: how exact they are, and what happens without it."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.polling import eventually
from integration.raw_http import ask, request
from integration.valkey import a_store

WORKERS = 3
LIMIT = 300
BLOCK = LIMIT // 50
HELD = WORKERS * 2 * (200 // 50)
BUDGET = 6000  # forty times what one request reserves, and seven hundred times what it uses
PATIENT = "30s"  # no machine is so busy that the store, which is there, counts as away
TIMEOUT = 2.0  # where the store is away
FELT = 30.0  # at most; the machine may be busy


def limited(name: str, **limits: Any) -> dict[str, Any]:
    return {"name": name, "who": {"ids": [name]}, "may": ["chat"], "models": ["tiny"], "limits": limits}


def changes(url: str, timeout: str = PATIENT) -> dict[str, Any]:
    return {
        "workers": WORKERS,
        "models": {"tiny": {"targets": ["local"], "preamble": 0}},
        "limits_store": {"url": url, "timeout": timeout},
        "policies": [
            limited("rated", requests=f"{LIMIT}/h"),
            limited("budgeted", budget=f"{BUDGET} tokens/day"),
            limited("open", requests="2/h", away="open"),
            limited("closed", requests="200/h", away="closed"),
            limited("local", requests="9/h", away="local"),
            limited("research", requests="1k/min"),
        ],
    }


def shared(
    folder: Path, back_end: RecordingBackend, url: str, timeout: str = PATIENT
) -> AbstractContextManager[Gateway]:
    return running(folder, back_end.url, changes(url, timeout))


def key_of(gateway: Gateway, principal: str) -> str:
    """A key that all workers know."""
    key = gateway.create_key(principal)
    ask_all = ["ok"] * 16
    eventually(lambda: [_known(gateway, key) for _ in ask_all] == ask_all, FELT, f"every worker knows {principal}")
    return key


def _known(gateway: Gateway, key: str) -> str:
    answer = ask(gateway.data, request("GET", "/v1/models", headers={"Api-Key": key}))
    return "unknown" if answer.status == 401 else "ok"


def codes(gateway: Gateway, key: str, requests: int) -> Counter[str]:
    """What so many requests are told, sixteen at a time, each on a connection of its own."""

    def one(_: int) -> str:
        answer = gateway.chat("hello", key=key, max_tokens=60)
        return "ok" if answer.status == 200 else str(json.loads(answer.body)["error"]["code"])

    with ThreadPoolExecutor(16) as pool:
        return Counter(pool.map(one, range(requests)))


def events(gateway: Gateway) -> list[str]:
    found: list[str] = []
    for path in sorted((gateway.state / "journal").glob("w*/*.jsonl")):
        found += [json.loads(line).get("name", "") for line in path.read_bytes().split(b"\n")[:-1]]
    return [name for name in found if name]


def told(gateway: Gateway, name: str) -> int:
    return events(gateway).count(name)


def everybody_tells(gateway: Gateway, name: str, times: int) -> None:
    eventually(lambda: told(gateway, name) == times * WORKERS, FELT, f"every worker tells of {name}")


def refilled(limit: int, begun: float) -> int:
    """Of a limit per hour, since `begun`, and what a rounding may add."""
    return int(limit * (time.monotonic() - begun) / 3600) + 1


def tokens_of(gateway: Gateway, principal: str) -> int:
    closed = [record for record in gateway.records() if record["kind"] == "closed"]
    mine = [record for record in closed if record.get("principal") == principal]
    return sum(record.get("input_tokens", 0) + record.get("output_tokens", 0) for record in mine)


def drain(gateway: Gateway, key: str) -> None:
    """Ask one by one, so that nobody is refused for what others have reserved, until every worker refuses."""
    refused = 0
    while refused < WORKERS * 8:
        refused = 0 if codes(gateway, key, 1)["ok"] else refused + 1


def reserved_by_one(gateway: Gateway, principal: str) -> int:
    mine = [record for record in gateway.records() if record["kind"] == "opened" and record["principal"] == principal]
    return max(int(record["reserved"]) for record in mine)


def test_three_workers_let_one_limit_through_and_no_budget_is_overrun(tmp_path: Path) -> None:
    with a_store() as store, RecordingBackend() as back_end, shared(tmp_path, back_end, store.url) as gateway:
        key, begun = key_of(gateway, "rated"), time.monotonic()
        rated = codes(gateway, key, LIMIT * 3 // 2)
        held = WORKERS * 2 * BLOCK  # at most
        assert LIMIT - held <= rated["ok"] <= LIMIT + refilled(LIMIT, begun)
        assert set(rated) == {"ok", "request_rate_exceeded"}
        serving = {
            path.parent.name for path in gateway.state.glob("journal/w*/*.jsonl") if b'"opened"' in path.read_bytes()
        }
        assert serving == {"w0", "w1", "w2"}
        key = key_of(gateway, "budgeted")
        budgeted = codes(gateway, key, 1200)
        assert budgeted["budget_exhausted"] > 0
        assert tokens_of(gateway, "budgeted") <= BUDGET
        drain(gateway, key)
        assert reserved_by_one(gateway, "budgeted") < BUDGET * 0.1
        assert BUDGET * 0.9 < tokens_of(gateway, "budgeted") <= BUDGET
        assert told(gateway, "limits_store.away") == 0


def test_without_the_store_each_policy_does_what_it_says_and_nobody_waits(tmp_path: Path) -> None:
    patience = f"{TIMEOUT:.0f}s"
    with a_store() as store, RecordingBackend() as back_end, shared(tmp_path, back_end, store.url, patience) as gateway:
        keys = {name: key_of(gateway, name) for name in ("open", "closed", "local", "budgeted")}
        for number, (fail, mend) in enumerate(((store.kill, store.start_again), (store.freeze, store.thaw)), 1):
            fail()
            everybody_tells(gateway, "limits_store.away", number)
            assert codes(gateway, keys["budgeted"], 10) == {"limits_unavailable": 10}
            assert codes(gateway, keys["open"], 30) == {"ok": 30}
            assert codes(gateway, keys["closed"], 4 * HELD)["ok"] <= HELD  # what was held before may be used
            assert codes(gateway, keys["closed"], 10) == {"limits_unavailable": 10}
            assert codes(gateway, keys["local"], 60)["ok"] <= 9
            begun = time.monotonic()
            assert gateway.chat("hello", key=keys["open"]).status == 200
            assert time.monotonic() - begun < TIMEOUT
            mend()
            everybody_tells(gateway, "limits_store.back", number)
            assert codes(gateway, keys["closed"], 6) == {"ok": 6}


def test_a_store_that_was_emptied_is_told_again_what_was_used(tmp_path: Path) -> None:
    with a_store() as store, RecordingBackend() as back_end, shared(tmp_path, back_end, store.url) as gateway:
        key = key_of(gateway, "budgeted")
        assert codes(gateway, key, 1200)["budget_exhausted"] > 0
        store.client.flushall()
        everybody_tells(gateway, "limits_store.emptied", 1)
        eventually(lambda: codes(gateway, key, 3)["budget_exhausted"] == 3, FELT, "what was used is known again")
        assert tokens_of(gateway, "budgeted") <= BUDGET
