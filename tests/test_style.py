"""House style that no linter holds: length, names, broad handlers, things left open.

The figures are caps, not aims; CONTRIBUTING.md says what to aim at. Length and names hold for every file; a source file
must also say at its head what it holds, and why it catches everything where it does.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def python_files(folder: str) -> list[Path]:
    """Hidden folders hold what others wrote (the benchmark installs its peers into one)."""
    found = sorted((ROOT / folder).rglob("*.py"))
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]


PRODUCT = python_files("src")
FILES = [*PRODUCT, *python_files("tests"), *python_files("bench"), *python_files("requirements")]

LONGEST_FILE = 400
LONGEST_FUNCTION = 60

# such a name says what kind of thing a file holds, not what it knows
BANNED_NAMES = {"common", "data", "helper", "helpers", "manager", "managers", "misc", "service", "services"} | {
    "util",
    "utils",
}

LEFT_OPEN = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b|pragma: no cover")

Rule = Callable[[str], Iterator[str]]


def long_file(source: str) -> Iterator[str]:
    length = len(source.splitlines())
    if length > LONGEST_FILE:
        yield f"1: the file has {length} lines, more than {LONGEST_FILE}; split it by what it knows"


def long_functions(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{node.lineno}: {node.name}() has {length} lines, more than {LONGEST_FUNCTION}"


def unexplained_handlers(source: str) -> Iterator[str]:
    """A handler that catches everything gives its reason as a comment, beside `except` or below it."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "BaseException"
            beside, below = lines[node.lineno - 1], lines[node.lineno]
            if re.search(r"\b(Base)?Exception\b", caught) and "#" not in beside and not below.lstrip().startswith("#"):
                yield f"{node.lineno}: catches {caught} and does not say why"


def left_open(source: str) -> Iterator[str]:
    for number, line in enumerate(source.splitlines(), start=1):
        if found := LEFT_OPEN.search(line):
            yield f"{number}: {found.group()} is left open"


def headless(source: str) -> Iterator[str]:
    if source.strip() and ast.get_docstring(ast.parse(source)) is None:
        yield "1: does not open with prose that says what the file holds"


def breaches(rule: Rule, files: list[Path]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{said}" for path in files for said in rule(path.read_text())]


def assert_none(wrong: list[str]) -> None:
    assert not wrong, "\n" + "\n".join(wrong)


def test_there_are_files_to_judge() -> None:
    assert len(PRODUCT) > 20
    assert Path(__file__) in FILES


@pytest.mark.parametrize("rule", [long_file, long_functions])
def test_every_file_keeps_the_caps_on_length(rule: Rule) -> None:
    assert_none(breaches(rule, FILES))


@pytest.mark.parametrize("rule", [unexplained_handlers, left_open, headless])
def test_every_source_file_keeps_the_house_rules(rule: Rule) -> None:
    assert_none(breaches(rule, PRODUCT))


def test_modules_are_named_by_what_they_know() -> None:
    parts = {(path, part) for path in FILES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert_none(
        [f"{path.relative_to(ROOT)}: {part} says nothing" for path, part in sorted(parts) if part in BANNED_NAMES]
    )


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (long_file, "\n" * LONGEST_FILE, "\n" * (LONGEST_FILE + 1)),
        (
            long_functions,
            "def f():\n" + "    f()\n" * (LONGEST_FUNCTION - 1),
            "async def f():\n" + "    f()\n" * LONGEST_FUNCTION,
        ),
        (
            unexplained_handlers,
            "try:\n    f()\nexcept Exception:  # a plug-in may raise anything\n    g()\n",
            "try:\n    f()\nexcept (OSError, Exception):\n    g()\n",
        ),
        (unexplained_handlers, "try:\n    f()\nexcept OSError:\n    g()\n", "try:\n    f()\nexcept:\n    g()\n"),
        (left_open, "todo = 1\n", "# TODO\n"),
        (headless, '"""What it holds."""\n', "import json\n"),
    ],
)
def test_each_rule_tells_good_from_bad(rule: Rule, good: str, bad: str) -> None:
    assert list(rule(good)) == []
    assert len(list(rule(bad))) == 1
