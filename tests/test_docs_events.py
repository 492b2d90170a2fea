"""docs/events.md and the code name the same events."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def named_in_code() -> set[str]:
    """The names that any `Event(name="…")` of the source is made with."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event":
                found.update(
                    str(keyword.value.value)
                    for keyword in node.keywords
                    if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
                )
    return found


def named_in_the_page() -> list[str]:
    return re.findall(r"^\| `([a-z_.]+)` \|", (ROOT / "docs" / "events.md").read_text(), re.MULTILINE)


def test_every_event_of_the_code_has_its_row() -> None:
    assert named_in_code() - set(named_in_the_page()) == set()


def test_no_event_has_two_rows() -> None:
    assert len(named_in_the_page()) == len(set(named_in_the_page()))
