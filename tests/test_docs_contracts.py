"""docs/contracts.md: its examples load, what it quotes stands there, and its tables name what the code knows."""

import re
from pathlib import Path

import pytest

from guardhouse.inspect.stored import SHOWN
from guardhouse.model.ability import ABILITIES
from guardhouse.model.stored import STORED_KINDS
from guardhouse.policy.contracts.parameters import CONTAINERS, SYNONYMS
from guardhouse.policy.contracts.schema import FORMATS
from guardhouse.policy.load import Loaded, load

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "contracts.md").read_text()
EXAMPLES = sorted((ROOT / "docs" / "examples" / "contracts").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_an_example_loads(example: Path) -> None:
    loaded = load(example, {})
    assert isinstance(loaded, Loaded), [str(problem) for problem in loaded]
    assert all(not model.rules.plain for model in loaded.snapshot.models.values())


def test_what_the_page_quotes_stands_in_its_examples() -> None:
    examples = "".join(example.read_text() for example in EXAMPLES)
    quoted = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(quoted) >= 5
    assert [block for block in quoted if block not in examples] == []


def test_every_feature_is_on_the_page() -> None:
    assert [word for word in ABILITIES if f"`{word}`" not in PAGE] == []


def test_every_name_and_place_of_a_parameter_is_on_the_page() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)+) \|$", PAGE, re.MULTILINE)
    assert [tuple(re.findall(r"`(\w+)`", row)) for row in rows] == list(SYNONYMS)
    assert [name for name in CONTAINERS if f"`{name}`" not in PAGE] == []


def test_every_format_is_on_the_page() -> None:
    assert [name for name in FORMATS if f"`{name}`" not in PAGE] == []


def test_every_kind_of_stored_thing_and_every_name_for_one_is_on_the_page() -> None:
    section = PAGE.split("## What is stored there")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    assert set(rows) == set(STORED_KINDS)
    assert [name for name in SHOWN if f"`{name}`" not in "".join(rows.values())] == []
