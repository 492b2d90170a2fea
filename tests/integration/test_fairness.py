"""A busy model server and a caller who floods it: what the others get, in the order of the journal."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.polling import eventually

FLOOD = 60
QUIET = 5


BUSY = {"targets": {"local": {"capacity": {"concurrent": 2, "queue": {"depth": 100, "wait": "30s"}}}}}


def closed_by(gateway: Gateway) -> list[str]:
    """The principals of the answers, in the order in which they were given."""
    return [record["principal"] for record in gateway.records() if record["kind"] == "closed" and record.get("stream")]


def test_who_sends_one_at_a_time_does_not_wait_behind_a_flood(tmp_path: Path) -> None:
    with RecordingBackend(pause=0.01) as back_end, running(tmp_path, back_end.url, BUSY) as gateway:
        bob = gateway.create_key("bob", "research")
        with ThreadPoolExecutor(FLOOD) as pool:
            flood = [pool.submit(gateway.chat, "stream:10", stream=True) for _ in range(FLOOD)]
            eventually(lambda: "alice" in closed_by(gateway), 10, "the flood has begun")
            for _ in range(QUIET):
                assert gateway.chat("stream:10", key=bob, stream=True).status == 200
            assert {answer.result().status for answer in flood} == {200}
        order = closed_by(gateway)
        assert (order.count("alice"), order.count("bob")) == (FLOOD, QUIET)
        last = max(number for number, principal in enumerate(order) if principal == "bob")
        assert order[last:].count("alice") > FLOOD // 3
