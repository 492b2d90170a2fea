"""`/healthz` and `/readyz` on the data port: for load balancers, without a credential and without a record.

`/healthz` says that the worker's loop turns. `/readyz` says whether a request could be served now: keys are loaded and
fresh, the journal takes records, and the worker is not on its way out.
"""

from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.path.render import render_answer
from guardhouse.wire import json
from guardhouse.wire.http1.head import Head

_PATHS = frozenset((b"/healthz", b"/readyz"))


def is_probe(head: Head) -> bool:
    return head.path in _PATHS and head.method == "GET" and head.content_length == 0


def answer(exchange: Exchange, plane: DataPlane) -> None:
    assert exchange.head is not None
    problems = [] if exchange.head.path == b"/healthz" else find_problems(plane, exchange.at)
    exchange.status = 503 if problems else 200
    exchange.answer = json.encode({"status": "unavailable" if problems else "ok", "problems": problems})
    exchange.caller.finish(exchange, render_answer(exchange), keep_alive=exchange.keep_alive)


def find_problems(plane: DataPlane, now: float) -> list[str]:
    problems = []
    if plane.keys.age(now) > plane.settings.identity.stale_after:
        problems.append("the key table is stale")
    if not plane.journal.healthy:
        problems.append("the journal cannot be written")
    if plane.draining:
        problems.append("draining")
    return problems
