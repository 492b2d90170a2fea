"""Answers `guardhouse usage`, and shows the workers' state as gauges.

Nobody asks most of the time, so nothing is written then: whoever wants to know touches a file in the state directory,
and for some seconds the report is published beside it, once per turn of the control process. It is a file and no
request to the admin port, because the command runs on this machine, as the owner of the state, like all the others.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guardhouse.control.state import State
from guardhouse.model.bulletin import publish
from guardhouse.model.figures import WorkerFigures
from guardhouse.readers.usage import UsageReader
from guardhouse.readers.uses import PrincipalUsage

WANTED_FOR = 10.0  # seconds after somebody has asked

_BREAKER = ("closed", "half_open", "open")

_decode = msgspec.json.Decoder(WorkerFigures).decode


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    at: float
    since: float  # figures begin here
    principals: list[PrincipalUsage]
    workers: dict[str, WorkerFigures]


class UsageDesk(Collector):
    def __init__(
        self, state: State, usage: UsageReader, workers: int, now: float, alone: Callable[[], bool | None]
    ) -> None:
        """`alone`: whether this process itself cannot ask the store of limits; None where it has nothing to ask."""
        self._state = state
        self._usage = usage
        self._workers = [f"w{number}" for number in range(workers)]
        self._since = now
        self._alone = alone

    def poll(self, now: float) -> None:
        try:
            wanted = self._state.usage_wanted.stat().st_mtime
        except FileNotFoundError:
            return
        if abs(now - wanted) < WANTED_FOR:
            publish(self._state.usage, self.report(now), durable=False)

    def report(self, now: float) -> UsageReport:
        return UsageReport(at=now, since=self._since, principals=self._usage.report(now), workers=self.workers())

    def workers(self) -> dict[str, WorkerFigures]:
        found = {name: _figures(self._state.figures_of(name)) for name in self._workers}
        return {name: figures for name, figures in found.items() if figures is not None}

    def collect(self) -> Iterator[Metric]:
        workers = self.workers()
        for name, text, member in (
            ("guardhouse_connections", "Connections of callers.", "connections"),
            ("guardhouse_exchanges_held", "Exchanges that wait for a turn, a place or the limits' store.", "held"),
            ("guardhouse_policy_taken", "Whether the worker goes by what is published.", "policy_taken"),
            ("guardhouse_callers_paused", "Callers whose request is not read until there is room for it.", "paused"),
        ):
            gauge = GaugeMetricFamily(name, text, labels=["worker"])
            for worker, figures in workers.items():
                gauge.add_metric([worker], getattr(figures, member))
            yield gauge
        yield self._of_store(workers)
        yield from _of_memory(workers)
        yield from _of_targets(workers)
        yield from _of_upstreams(workers)
        yield _of_retries(workers)

    def _of_store(self, workers: dict[str, WorkerFigures]) -> Metric:
        away = GaugeMetricFamily(
            "guardhouse_limits_store_away", "Whether limits_store cannot be asked.", labels=["worker"]
        )
        for worker, figures in workers.items():
            if figures.limits_store:
                away.add_metric([worker], figures.limits_store == "away")
        alone = self._alone()
        if alone is not None:
            away.add_metric(["control"], alone)
        return away


def _of_memory(workers: dict[str, WorkerFigures]) -> Iterator[Metric]:
    for name, text, member in (
        ("guardhouse_memory_held_bytes", "What a worker holds of requests, or of answers.", "held"),
        ("guardhouse_memory_limit_bytes", "How much that may be.", "limit"),
    ):
        gauge = GaugeMetricFamily(name, text, labels=["worker", "of"])
        for worker, figures in workers.items():
            for of, memory in figures.memory.items():
                gauge.add_metric([worker, of], getattr(memory, member))
        yield gauge


def _of_targets(workers: dict[str, WorkerFigures]) -> Iterator[Metric]:
    for name, text, member in (
        ("guardhouse_target_in_use", "Exchanges that a target with a capacity has at present.", "in_use"),
        ("guardhouse_target_limit", "How many it may have.", "limit"),
        ("guardhouse_target_waiting", "How many wait for it.", "waiting"),
    ):
        gauge = GaugeMetricFamily(name, text, labels=["worker", "target"])
        for worker, figures in workers.items():
            for target, depths in figures.targets.items():
                gauge.add_metric([worker, target], getattr(depths, member))
        yield gauge


def _of_upstreams(workers: dict[str, WorkerFigures]) -> Iterator[Metric]:
    upstreams = [
        (worker, target, its) for worker, figures in workers.items() for target, its in figures.upstreams.items()
    ]
    breaker = GaugeMetricFamily(
        "guardhouse_target_breaker",
        "The circuit breaker of a target: 0 closed, 1 half open, 2 open.",
        labels=["worker", "target"],
    )
    for worker, target, its in upstreams:
        breaker.add_metric([worker, target], _BREAKER.index(its.breaker))
    yield breaker
    kept_away = "Callers that a target is kept from for failures that nobody else had."
    for family, name, text, member in (
        (GaugeMetricFamily, "guardhouse_target_drained", "Whether an operator has drained a target.", "drained"),
        (GaugeMetricFamily, "guardhouse_target_well", "Whether a target that is asked says that it is well.", "well"),
        (GaugeMetricFamily, "guardhouse_target_pending", "Exchanges that are with a target at present.", "pending"),
        (GaugeMetricFamily, "guardhouse_target_callers_kept_away", kept_away, "callers_kept_away"),
        (CounterMetricFamily, "guardhouse_target_failures", "Exchanges that a target has failed.", "failures"),
        (CounterMetricFamily, "guardhouse_target_breaks", "Times that a target's breaker has opened.", "breaks"),
    ):
        metric = family(name, text, labels=["worker", "target"])
        for worker, target, its in upstreams:
            metric.add_metric([worker, target], getattr(its, member))
        yield metric


def _of_retries(workers: dict[str, WorkerFigures]) -> Metric:
    retries = CounterMetricFamily(
        "guardhouse_retries", "What was tried again, by whether the budget allowed it.", labels=["worker", "allowed"]
    )
    for worker, figures in workers.items():
        retries.add_metric([worker, "yes"], figures.retries)
        retries.add_metric([worker, "no"], figures.retries_refused)
    return retries


def _figures(path: Path) -> WorkerFigures | None:
    try:
        return _decode(path.read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
