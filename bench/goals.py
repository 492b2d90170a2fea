"""The figures Guardhouse means to reach, and whether a run has reached them."""

from collections.abc import Callable

import msgspec

from bench.arithmetic import spread
from bench.compare import Outcome
from bench.report import number, ratio_to, values

SUBJECT = "guardhouse"
SMALL, LARGE = "guardhouse-rules-10", "guardhouse-rules-1000"
Reading = Callable[[Outcome], float | None]


class Goal(msgspec.Struct, frozen=True):
    what: str
    unit: str
    read: Reading
    limit: float
    at_least: bool = False


def _ratio(metric: str, peer: str, subject: str = SUBJECT) -> Reading:
    def read(outcome: Outcome) -> float | None:
        mine = outcome.named(subject)
        return ratio_to(mine, outcome.named(peer), metric) if mine else None

    return read


def _inverse(metric: str, peer: str) -> Reading:
    def read(outcome: Outcome) -> float | None:
        other, mine = outcome.named(peer), outcome.named(SUBJECT)
        return ratio_to(other, mine, metric) if other else None

    return read


def _plain(metric: str) -> Reading:
    def read(outcome: Outcome) -> float | None:
        mine = outcome.named(SUBJECT)
        found = values(mine, metric) if mine else []
        return spread(found).median if found else None

    return read


GOALS = (
    Goal("CPU per request, 0.5 KB", "times Envoy", _ratio("chat.0.5.cpu_us", "envoy"), 1.5),
    Goal("CPU per request, 4 KB", "times Envoy", _ratio("chat.4.cpu_us", "envoy"), 2.5),
    Goal("CPU per request, 64 KB", "times Envoy", _ratio("chat.64.cpu_us", "envoy"), 12),
    Goal("Portkey's CPU per request, 0.5 KB", "times ours", _inverse("chat.0.5.cpu_us", "portkey"), 10, at_least=True),
    Goal("LiteLLM's CPU per request, 0.5 KB", "times ours", _inverse("chat.0.5.cpu_us", "litellm"), 150, at_least=True),
    Goal("token, 1,000 rules, 0.5 KB", "times Envoy", _ratio("chat.0.5.cpu_us", "envoy", LARGE), 1.5),
    Goal("1,000 rules instead of 10, 0.5 KB", "times", _ratio("chat.0.5.cpu_us", SMALL, LARGE), 1.1),
    Goal("CPU per paced event", "times Envoy", _ratio("paced.cpu_us", "envoy"), 1.3),
    Goal("CPU per event in bursts", "µs", _plain("burst.cpu_us"), 12),
    Goal("added time to the first event, median", "ms", _plain("first.p50_ms"), 1),
    Goal("memory per idle stream, 2,000 held", "KiB", _plain("held.2000.kib"), 40),
)


def table(outcome: Outcome) -> str:
    """Empty when nothing of it was measured."""
    lines = []
    for goal in GOALS:
        value = goal.read(outcome)
        if value is not None:
            met = value >= goal.limit if goal.at_least else value <= goal.limit
            sign = "at least" if goal.at_least else "at most"
            verdict = "reached" if met else "**missed**"
            lines.append(f"| {goal.what} | {sign} {goal.limit:g} {goal.unit} | {number(value)} | {verdict} |")
    if not lines:
        return ""
    head = [
        "### Guardhouse with every control against its goals",
        "",
        "| figure | goal | measured | |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *lines]) + "\n"
