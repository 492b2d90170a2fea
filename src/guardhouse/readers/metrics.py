"""The journal as Prometheus series; the figures behind the admin port's `/metrics`.

`poll` follows the journal and counts, `collect` shows the figures (the reader is registered as a collector), `save`
writes the checkpoint. All three belong to one thread.

Counters outlive a restart of the control process because the checkpoint holds them beside the positions they were
counted up to, in one file. The other way, reading all segments again, would cost a second of CPU for every few hundred
MiB at each start, and would let counters fall back once old segments are moved away. If the checkpoint is missing,
unreadable or was made under another label policy or ceiling, that is what happens all the same, once. A `closed` is
counted some moments after its exchange ended: `guardhouse_reader_lag_bytes` says how far behind the reader is.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from guardhouse.limits.quota import NANO
from guardhouse.policy.settings import Metrics
from guardhouse.readers import checkpoint
from guardhouse.readers.lines import Counts
from guardhouse.readers.series import DURATIONS, RATIOS, Cost, Histogram, Pair, SeriesTable
from guardhouse.readers.tail import Position, Tail
from guardhouse.readers.tally import Observer, Tally, Watch

_USER = ["user_id"]
_USER_MODEL = ["user_id", "model_id"]
_Samples = Iterable[tuple[list[str], float]]


class _Checkpoint(msgspec.Struct):
    label: str
    positions: dict[str, Position]
    counts: Counts


class MetricsReader(Collector):
    def __init__(
        self,
        journal: Path,
        state: Path,
        settings: Metrics,
        *,
        watch: Watch | None = None,
        observers: Sequence[Observer] = (),
        refused: Sequence[Observer] = (),
    ) -> None:
        """`watch` is told of each use of a credential, perhaps again after a restart (readers/signins.py); `observers`
        are handed each exchange that has ended (readers/usage.py), `refused` those that were refused (hits.py)."""
        self._state = state
        self._label = str(settings.user)
        saved = checkpoint.load(state, _Checkpoint)
        if saved is None or saved.label != self._label or saved.counts.series.ceiling != settings.series:
            saved = _Checkpoint(self._label, {}, Counts(SeriesTable(settings.series)))
        self._tail = Tail(journal, saved.positions)
        self._tally = Tally(settings.user, saved.counts, watch, observers, refused)
        self._saved: dict[str, Position] | None = None

    def poll(self, budget: int = 4 * 1024 * 1024) -> int:
        """Count what is new, `budget` bytes at most; returns how many bytes that were."""
        taken = 0
        for block in self._tail.read(budget):
            self._tally.take(block.worker, block.lines)
            taken += len(block.lines)
        return taken

    def save(self) -> None:
        """Only if something was read since the last time."""
        positions = self._tail.positions
        if positions != self._saved:
            checkpoint.save(self._state, _Checkpoint(self._label, positions, self._tally.counts))
            self._saved = positions

    def close(self) -> None:
        self._tail.close()

    def collect(self) -> Iterator[Metric]:
        yield from self._of_pairs(self._tally.counts.series.pairs)
        yield _of_costs(self._tally.counts.series.costs)
        yield from self._of_users()
        yield from self._of_gateway(self._tally.counts)
        yield from self._of_reader(self._tally.counts)

    def _of_pairs(self, pairs: list[Pair]) -> Iterator[Metric]:
        yield _counter(
            "llm_inference_requests",
            "Exchanges that ended, by the model's finish reason, or by the outcome where the model gave none.",
            [*_USER_MODEL, "finish_reason"],
            (([pair.user, pair.model, name], count) for pair in pairs for name, count in pair.finishes.items()),
        )
        yield _counter(
            "llm_inference_policy_violations",
            "Requests that a policy refused and answers that a content filter ended, by reason.",
            [*_USER_MODEL, "categories"],
            (([pair.user, pair.model, name], count) for pair in pairs for name, count in pair.violations.items()),
        )
        for name, text, member in (
            ("llm_inference_high_risk_prompts", "Prompts with a structural risk of 7 or more.", "high_risk"),
            ("llm_inference_input_tokens", "Tokens of prompts.", "input_tokens"),
            ("llm_inference_output_tokens", "Tokens of answers.", "output_tokens"),
        ):
            figures = (([pair.user, pair.model], getattr(pair, member)) for pair in pairs)
            yield _counter(name, text, _USER_MODEL, (sample for sample in figures if sample[1]))

    def _of_users(self) -> Iterator[Metric]:
        users = self._tally.counts.series.users.values()
        yield _counter(
            "llm_inference_rate_limit_hits",
            "Requests refused by a rate limit.",
            _USER,
            (([user.label], user.rate_limit_hits) for user in users if user.rate_limit_hits),
        )
        durations = HistogramMetricFamily(
            "llm_inference_duration_seconds", "From the first byte of a request to the end of its answer.", labels=_USER
        )
        ratios = HistogramMetricFamily(
            "llm_inference_token_ratio", "Output tokens per input token of an exchange.", labels=_USER
        )
        for user in users:
            _add(durations, user.label, DURATIONS, user.durations)
            _add(ratios, user.label, RATIOS, user.ratios)
        yield durations
        yield ratios

    def _of_gateway(self, counts: Counts) -> Iterator[Metric]:
        timings = (
            ([model, phase], spent) for model, phases in counts.timings.items() for phase, spent in phases.items()
        )
        text = "How long model servers say that they took, to load a model, to read prompts and to write answers."
        yield _counter("guardhouse_model_time_seconds", text, ["model_id", "phase"], timings)
        media = (
            ([model, kind, direction], count)
            for direction, table in (("request", counts.media), ("response", counts.answer_media))
            for model, kinds in table.items()
            for kind, count in kinds.items()
        )
        text = "Images, recordings and files that no control looked into, in requests and in answers, by kind."
        yield _counter("guardhouse_media", text, ["model_id", "kind", "direction"], media)
        drifts = (([model, how], count) for model, hows in counts.drifts.items() for how, count in hows.items())
        text = "Model servers that are not what they were: by another name, refused for it, or off their contract."
        yield _counter("guardhouse_model_drift", text, ["model_id", "kind"], drifts)
        denied = (([reason], count) for reason, count in counts.denied.items())
        yield _counter("guardhouse_requests_denied", "Requests refused by the gateway, by reason.", ["reason"], denied)
        events = (([name], count) for name, count in counts.events.items())
        yield _counter("guardhouse_events", "What happened beside the exchanges, by name.", ["name"], events)
        trial = (([would], count) for would, count in counts.shadow.items())
        yield _counter(
            "guardhouse_shadow_differences", "Exchanges that the shadow would have judged otherwise.", ["would"], trial
        )
        gauge = GaugeMetricFamily("guardhouse_exchanges_open", "Exchanges under way upstream.", labels=["worker"])
        for worker, count in counts.open.items():
            gauge.add_metric([worker], count)
        yield gauge
        for name, text, value in (
            ("journal_mended", "Torn tails that were cut off.", counts.mended),
            ("journal_outages", "Times that the journal could not be written.", counts.outages),
            (
                "journal_records_lost",
                "Records not written in outages; their exchanges were refused.",
                counts.records_lost,
            ),
        ):
            yield CounterMetricFamily(f"guardhouse_{name}", text, value=value)

    def _of_reader(self, counts: Counts) -> Iterator[Metric]:
        yield GaugeMetricFamily("guardhouse_reader_lag_bytes", "Journal not yet counted.", value=self._tail.lag())
        yield GaugeMetricFamily("guardhouse_series", "Series reserved under metrics.series.", value=counts.series.used)
        for name, text, value in (
            ("series_dropped", 'Records counted as "other" because of metrics.series.', counts.series.folded),
            ("reader_unreadable", "Journal lines of no known kind.", counts.unreadable),
            ("reader_resynchronised", "Times that the journal was cut behind the reader.", self._tail.resynchronised),
        ):
            yield CounterMetricFamily(f"guardhouse_{name}", text, value=value)


def _of_costs(costs: Iterable[Cost]) -> CounterMetricFamily:
    return _counter(
        "llm_inference_cost",
        "Money spent by the prices of the configuration, in whole units of the currency.",
        [*_USER_MODEL, "policy", "currency"],
        (([each.user, each.model, each.policy, each.currency], each.amount / NANO) for each in costs),
    )


def _counter(name: str, text: str, labels: list[str], samples: _Samples) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in samples:
        family.add_metric(values, count)
    return family


def _add(family: HistogramMetricFamily, label: str, bounds: tuple[float, ...], histogram: Histogram) -> None:
    counts = list(accumulate(histogram.counts))
    if counts[-1]:
        names = [*map(str, bounds), "+Inf"]
        family.add_metric([label], list(zip(names, counts, strict=True)), histogram.total)
