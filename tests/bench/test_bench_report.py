"""What the tables say: medians with their spread, ratios of the same round, and everybody keeps a row."""

import msgspec

from bench import goals, report
from bench.compare import Metrics, Outcome, Result
from bench.contenders.base import Bearing
from bench.machine import Machine
from bench.plan import FIGURES, full

MACHINE = Machine(processor="some", cores=2, memory_gib=4.0, kernel="6", python="3.11", pinning="cores 0 and 1")


def outcome(**rounds: list[Metrics]) -> Outcome:
    results = [Result(name, name.title(), Bearing(), "1.0", rounds=took) for name, took in rounds.items()]
    plan = full(tuple(rounds), FIGURES, None, None)
    return Outcome("2026-01-01T00:00:00+00:00", MACHINE, "clock", plan, results)


def test_a_price_has_its_spread_and_the_median_of_the_ratios_of_each_round() -> None:
    found = outcome(
        envoy=[{"chat.0.5.cpu_us": 50.0}, {"chat.0.5.cpu_us": 100.0}, {"chat.0.5.cpu_us": 50.0}],
        guardhouse=[{"chat.0.5.cpu_us": 60.0}, {"chat.0.5.cpu_us": 110.0}, {"chat.0.5.cpu_us": 70.0}],
    )
    assert "| Guardhouse | 70.0 (60.0 … 110) · **1.20** |" in report.markdown(found)
    assert "| Envoy | 50.0 (50.0 … 100) · **1.00** |" in report.markdown(found)


def test_one_that_could_not_be_installed_keeps_a_row_with_the_reason_in_every_table() -> None:
    found = outcome(envoy=[{"chat.0.5.cpu_us": 50.0}], portkey=[])
    found.results[1].trouble = "could not be installed: no node | here"
    text = report.markdown(found)
    assert text.count("could not be installed: no node / here") == text.count("### ")


def test_a_figure_that_does_not_apply_is_a_dash_and_an_empty_row_is_left_out() -> None:
    text = report.markdown(outcome(direct=[{"chat.0.5.rps": 9000.0}]))
    cpu_table, throughput = text.split("### ")[1:3]
    assert "Direct" not in cpu_table
    assert "| Direct | 9,000 | — |" in throughput


def test_an_outcome_survives_being_written_as_json() -> None:
    found = outcome(envoy=[{"chat.0.5.cpu_us": 50.0}])
    assert msgspec.json.decode(msgspec.json.encode(found), type=Outcome) == found


def test_goals_are_judged_by_ratios_and_only_where_something_was_measured() -> None:
    found = outcome(
        envoy=[{"chat.0.5.cpu_us": 50.0, "paced.cpu_us": 40.0}],
        guardhouse=[{"chat.0.5.cpu_us": 70.0, "paced.cpu_us": 60.0, "burst.cpu_us": 3.0}],
        litellm=[{"chat.0.5.cpu_us": 7000.0}],
    )
    rows = [line for line in goals.table(found).splitlines() if "µs" in line or "times" in line]
    assert [row.rsplit("|", 2)[1].strip() for row in rows] == ["reached", "**missed**", "**missed**", "reached"]


def test_without_guardhouse_there_are_no_goals() -> None:
    assert goals.table(outcome(envoy=[{"chat.0.5.cpu_us": 50.0}])) == ""
