import itertools
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from audit.journaling import closed, denied, exchanges, opened, write, writing
from guardhouse.audit.record import Unseen
from guardhouse.model.usage import Timing
from guardhouse.policy.settings import Metrics, UserLabel
from guardhouse.readers.metrics import MetricsReader

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def reader(root: Path, settings: Metrics | None = None) -> MetricsReader:
    return MetricsReader(root / "journal", root / "metrics.json", settings or Metrics())


def drain(metrics: MetricsReader) -> MetricsReader:
    while metrics.poll(4096):
        pass
    return metrics


def scrape(metrics: MetricsReader) -> Samples:
    registry = CollectorRegistry()
    registry.register(metrics)
    found: Samples = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_the_series_have_the_names_and_labels_that_dashboards_and_alerts_rest_on(tmp_path: Path) -> None:
    write(
        tmp_path / "journal" / "w0",
        opened("a"),
        opened("e"),
        closed(
            "a",
            risk=8,
            policies=("research",),
            cost=12_500_000,
            currency="EUR",
            timing=Timing(load=2.5),
            media={"image": 2},
            unseen=Unseen(kinds={"audio": 3}, places=("choices[0].message.audio",)),
        ),
        denied("b", "model_denied"),
        denied("c", "request_rate_exceeded", model="small"),
        closed("e", principal="bob", outcome="failed", reason="answer_off_contract", input_tokens=0, output_tokens=0),
        opened("d"),
    )
    found = scrape(drain(reader(tmp_path)))
    alice, small = ("user_id", "alice"), ("model_id", "small")
    assert found["llm_inference_requests_total"][("finish_reason", "stop"), small, alice] == 1
    violation = (("categories", "model_denied"), ("model_id", ""), alice)
    assert found["llm_inference_policy_violations_total"] == {violation: 1}
    assert found["llm_inference_rate_limit_hits_total"] == {(alice,): 1}
    assert found["llm_inference_high_risk_prompts_total"] == {(small, alice): 1}
    assert found["llm_inference_input_tokens_total"] == {(small, alice): 10}
    assert found["llm_inference_output_tokens_total"] == {(small, alice): 5}
    spent = (("currency", "EUR"), small, ("policy", "research"), alice)
    assert found["llm_inference_cost_total"] == {spent: 0.0125}
    assert found["guardhouse_model_time_seconds_total"][small, ("phase", "load")] == 2.5
    assert found["guardhouse_model_drift_total"] == {(("kind", "contract"), small): 1}
    assert found["guardhouse_media_total"] == {
        (("direction", "request"), ("kind", "image"), small): 2,
        (("direction", "response"), ("kind", "audio"), small): 3,
    }
    assert found["llm_inference_duration_seconds_bucket"][("le", "0.1"), alice] == 0
    assert found["llm_inference_duration_seconds_bucket"][("le", "0.25"), alice] == 1
    assert found["llm_inference_duration_seconds_bucket"][("le", "+Inf"), alice] == 1
    assert found["llm_inference_duration_seconds_sum"][(alice,)] == 0.25
    assert found["llm_inference_token_ratio_sum"][(alice,)] == 0.5
    assert found["llm_inference_token_ratio_count"][(alice,)] == 1
    assert found["guardhouse_requests_denied_total"] == {
        (("reason", "model_denied"),): 1,
        (("reason", "request_rate_exceeded"),): 1,
    }
    assert found["guardhouse_exchanges_open"] == {(("worker", "w0"),): 1}
    assert found["guardhouse_reader_lag_bytes"] == {(): 0}


@pytest.mark.parametrize("name", ["journal_mended", "journal_outages", "journal_records_lost", "series_dropped"])
def test_counters_of_the_gateway_are_there_before_anything_happened(tmp_path: Path, name: str) -> None:
    assert scrape(reader(tmp_path))[f"guardhouse_{name}_total"] == {(): 0}


def test_what_is_not_yet_counted_shows_as_lag(tmp_path: Path) -> None:
    write(tmp_path / "journal" / "w0", *exchanges(5))
    size = sum(path.stat().st_size for path in (tmp_path / "journal" / "w0").iterdir())
    assert scrape(reader(tmp_path))["guardhouse_reader_lag_bytes"] == {(): size}


@pytest.mark.parametrize("crashes", range(1, 6))
def test_a_reader_that_dies_between_checkpoints_counts_each_exchange_once(tmp_path: Path, crashes: int) -> None:
    steps = itertools.count()
    with writing(tmp_path / "journal" / "w0", segment=2000) as journal:
        for _ in range(crashes):
            metrics = reader(tmp_path)
            for _ in range(3):
                for record in exchanges(4, 4 * next(steps)):
                    journal.append(record)
                journal.flush()
                metrics.poll(3000)
                metrics.save()
            for record in exchanges(4, 4 * next(steps)):
                journal.append(record)
            journal.flush()
            drain(metrics)  # and dies without saving
            metrics.close()
    found = scrape(drain(reader(tmp_path)))
    assert sum(found["llm_inference_requests_total"].values()) == 4 * next(steps)
    assert found["guardhouse_exchanges_open"] == {(("worker", "w0"),): 0}


def test_a_checkpoint_is_written_only_when_something_was_read_since(tmp_path: Path) -> None:
    write(tmp_path / "journal" / "w0", *exchanges(5))
    metrics = drain(reader(tmp_path))
    metrics.save()
    (tmp_path / "metrics.json").unlink()
    metrics.save()
    assert not (tmp_path / "metrics.json").exists()
    write(tmp_path / "journal" / "w0", *exchanges(1, 5))
    drain(metrics).save()
    assert (tmp_path / "metrics.json").exists()


@pytest.mark.parametrize("settings", [Metrics(user=UserLabel("none")), Metrics(series=50)])
def test_another_label_policy_or_ceiling_begins_again_with_the_whole_journal(tmp_path: Path, settings: Metrics) -> None:
    write(tmp_path / "journal" / "w0", *exchanges(5))
    drain(reader(tmp_path)).save()
    found = scrape(drain(reader(tmp_path, settings)))
    assert sum(found["llm_inference_requests_total"].values()) == 5


def test_a_ruined_checkpoint_costs_a_second_reading_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "journal" / "w0", *exchanges(5))
    drain(reader(tmp_path)).save()
    (tmp_path / "metrics.json").write_bytes(b'{"label":"id","positions":{')
    found = scrape(drain(reader(tmp_path)))
    assert sum(found["llm_inference_requests_total"].values()) == 5


def test_ten_thousand_users_make_no_more_series_than_the_ceiling(tmp_path: Path) -> None:
    with writing(tmp_path / "journal" / "w0") as journal:
        for n in range(10_000):
            journal.append(closed(f"x{n}", decision="allowed", principal=f"user-{n}"))
    found = scrape(drain(reader(tmp_path, Metrics(series=500))))
    series = sum(len(samples) for name, samples in found.items() if name.startswith("llm_"))
    other = len([labels for samples in found.values() for labels in samples if ("user_id", "other") in labels])
    assert series - other <= 500
    assert sum(found["llm_inference_requests_total"].values()) == 10_000
    assert found["guardhouse_series_dropped_total"][()] > 9_000
