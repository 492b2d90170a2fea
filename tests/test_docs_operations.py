"""docs/operations.md is what others build on: its metrics and members are the real ones, all of them.

The headers are compared in tests/path/test_render.py, where answers are made."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily

from guardhouse.audit.record import Closed, Event, Opened, Record
from guardhouse.policy.settings import Metrics
from guardhouse.readers.metrics import MetricsReader

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
SOURCE = "\n".join(path.read_text() for path in (ROOT / "src" / "guardhouse").rglob("*.py"))
METERING = "\n".join(
    path.read_text() for part in ("control", "readers") for path in (ROOT / "src" / "guardhouse" / part).rglob("*.py")
)


def section(title: str) -> str:
    """What stands under a heading, without the headings below it."""
    return PAGE.partition(f"\n{title}\n")[2].partition("\n#")[0]


def first_cells(text: str) -> set[str]:
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def collected(folder: Path) -> set[str]:
    registry = CollectorRegistry()
    registry.register(MetricsReader(folder, folder / "metrics.json", Metrics()))
    return {
        f"{family.name}_total" if isinstance(family, CounterMetricFamily) else family.name
        for family in registry.collect()
    }


def test_every_metric_is_listed_and_what_is_listed_exists(tmp_path: Path) -> None:
    listed, real = first_cells(section("## Metrics")), collected(tmp_path)
    assert real - listed == set()
    assert [name for name in listed - real if f'"{name.removesuffix("_total")}' not in SOURCE] == []


def test_every_metric_that_is_named_in_the_source_is_listed() -> None:
    listed = first_cells(section("## Metrics"))
    named = set(re.findall(r'"((?:guardhouse|llm_inference)_[a-z_]+)"', METERING))
    assert len(named) > 10
    assert sorted(name for name in named if not {name, f"{name}_total"} & listed) == []


@pytest.mark.parametrize("record", [Opened, Closed, Event])
def test_every_member_of_a_record_is_listed_and_no_other(record: type[Record]) -> None:
    kind = record.__struct_config__.tag
    assert first_cells(section(f"### `{kind}`")) == set(record.__struct_fields__)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="only systemd can judge its units")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    found = re.search(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    unit = tmp_path / "guardhouse.service"
    unit.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", found[1]).replace("User=guardhouse\n", ""))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False, timeout=60)
    about = [line for line in done.stderr.splitlines() if "guardhouse.service" in line]
    assert about == []
