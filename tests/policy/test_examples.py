"""The situations of docs/policy.md: each is a configuration that loads and a file of cases that hold for it."""

import re
from pathlib import Path

import pytest

from guardhouse.policy.cases import Case, read_cases, try_case
from guardhouse.policy.cel.expression import VARIABLES
from guardhouse.policy.cel.types import FUNCTIONS
from guardhouse.policy.load import Loaded, load

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "policy.md").read_text()
FOLDER = ROOT / "docs" / "examples" / "policies"
EXAMPLES = sorted(path for path in FOLDER.glob("*.yaml") if not path.name.endswith(".cases.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_case_of_an_example_holds(example: Path) -> None:
    loaded = load(example, {})
    assert isinstance(loaded, Loaded), [str(problem) for problem in loaded]
    cases = read_cases(example.with_suffix(".cases.yaml"))
    assert len(cases) >= 2
    for case in cases:
        assert isinstance(case, Case), case
        outcome = try_case(loaded.snapshot, case, 0.0)
        assert outcome.wrong == (), (case.name, outcome.wrong, outcome.explanation.steps)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_policy_of_an_example_decides_a_case(example: Path) -> None:
    loaded = load(example, {})
    assert isinstance(loaded, Loaded)
    cases = [case for case in read_cases(example.with_suffix(".cases.yaml")) if isinstance(case, Case)]
    applied = {
        step.policy for case in cases for step in try_case(loaded.snapshot, case, 0.0).explanation.steps if step.applies
    }
    assert {policy.name for policy in loaded.snapshot.policies} - applied == set()


def test_the_page_tells_ten_situations_each_with_its_files() -> None:
    assert len(EXAMPLES) == 10
    for example in EXAMPLES:
        assert f"(examples/policies/{example.name})" in PAGE
        assert f"(examples/policies/{example.stem}.cases.yaml)" in PAGE


def test_what_the_page_quotes_stands_in_its_example() -> None:
    quoted = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    texts = [example.read_text() for example in EXAMPLES]
    assert len(quoted) >= 10
    assert [block for block in quoted if not any(block in text for text in texts)] == []


def test_every_name_that_an_expression_can_use_is_on_the_page() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGE, re.MULTILINE))
    assert rows == {name: variable.type for name, variable in VARIABLES.items()}
    assert [name for name in FUNCTIONS if f"`{name}`" not in PAGE] == []
