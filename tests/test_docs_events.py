"""docs/events.md and the source name the same events."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "events.md").read_text()
TOLD = set(re.findall(r"^\| `([\w.]+)` \|", PAGE, re.MULTILINE))

NAME = re.compile(r"[a-z_]+\.[a-z_]+")


def names_in(tree: ast.AST) -> Iterator[str]:
    """What stands as `name` of an Event, and in the tables and constants that such names are taken from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event":
            yield from (found for keyword in node.keywords if keyword.arg == "name" for found in strings(keyword.value))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and "EVENT" in target.id for target in targets):
                yield from strings(node.value)


def strings(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and NAME.fullmatch(part.value):
            yield part.value


def used() -> set[str]:
    files = (ROOT / "src").rglob("*.py")
    return {name for path in files for name in names_in(ast.parse(path.read_text()))}


def test_every_event_is_on_the_page() -> None:
    assert used() - TOLD == set()


def test_every_event_on_the_page_is_in_the_source() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    assert {name for name in TOLD if f'"{name}"' not in source} == set()
    assert TOLD


def test_names_are_found_in_calls_and_tables() -> None:
    source = 'Event(at=1, name="a.b" if x else "c.d")\nEVENTS = {1: "e.f"}\nOTHER = {1: "g.h"}'
    assert set(names_in(ast.parse(source))) == {"a.b", "c.d", "e.f"}


def test_no_event_has_two_rows() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|", PAGE, re.MULTILINE)
    assert len(rows) == len(TOLD)
