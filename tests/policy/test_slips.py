"""What people get wrong in YAML, and that they are told what and where."""

import pytest

from guardhouse.policy.source import parse


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        ("models: *\n", 1, 'an asterisk has a meaning of its own in YAML; put it in quotes: "*"'),
        ("a:\n  models: [*]\n", 2, 'an asterisk has a meaning of its own in YAML; put it in quotes: "*"'),
        ("a:\n  b: 1\n    c: 2\n", 3, "indented differently from the lines above"),
        ("a:\n  b: {}\n    c: 2\n", 3, "indented differently from the lines above"),
        ("a:\n    b: 1\n  c: 2\n", 3, "indented differently from the lines above"),
        ("a:\n  - b: 1\n   c: 2\n", 3, "indented differently from the lines above"),
        ("a:\n  - b: 1\n     c: 2\n", 3, "indented differently from the lines above"),
        ("a:\n  b: [c, d\n  e: 1\n", 2, "the [ that is opened here is not closed"),
        ("a:\n  b: {c: [d}\n", 2, "the [ that is opened here is not closed"),
        ("a: {b: c\nd: e\n", 1, "the { that is opened here is not closed"),
        ("a: {b: c\n", 1, "the { that is opened here is not closed"),
        ("a: [b,\n", 2, "the file ends inside brackets"),
        ("a: [b]]\n", 1, "a bracket is closed that was not opened"),
        ("a: {b: 1 c: 2}\n", 1, "a comma or the closing } is missing"),
        (
            "a: {b: ${env:X}}\n",
            1,
            "a { has a meaning of its own inside brackets; put the whole value in quotes",
        ),
        ('a: "b\nc: d\n', 1, "the quotation mark that is opened here is not closed"),
        ("a: b: c\n", 1, "a second colon stands in one value; put the value in quotes"),
        ("a:b\nc: d\n", 2, "the line above lacks a blank after its colon, or the colon"),
        ("a: @b\n", 1, "a value cannot begin with '@'; put it in quotes"),
        ("a:\n\tb: 1\n", 2, "a tab stands where blanks must indent"),
    ],
)
def test_a_slip_is_told_in_words_and_at_the_line_to_look_at(content: str, line: int, told: str) -> None:
    (problem,) = parse(content.encode(), "f").problems
    assert (problem.line, problem.message) == (line, f"cannot be read: {told}")
