import json

import pytest

from guardhouse.demo.screen import INDENT, LABEL, WIDTH, Lines, Terminal


def test_a_long_fact_is_folded_under_itself(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().says("why", "word " * 60)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert all(len(line) <= WIDTH for line in lines)
    assert lines[0].startswith(INDENT + "why".ljust(LABEL) + "word")
    assert all(line.startswith(INDENT + " " * LABEL + "word") for line in lines[1:])


def test_scenes_are_numbered(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Terminal()
    screen.scene("first")
    screen.scene("second")
    assert [line for line in capsys.readouterr().out.splitlines() if line] == [" 1  first", " 2  second"]


def test_the_columns_of_a_table_stand_under_their_heads(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().table(("who", "what"), [("a", "x"), ("longer", "y")])
    head, *rows = capsys.readouterr().out.splitlines()
    assert {line.index(letter) for line, letter in zip([head, *rows], ["what", "x", "y"], strict=True)} == {
        len(INDENT) + len("longer  ")
    }


def test_captured_output_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Terminal()
    screen.title("title")
    screen.says("BLOCKED", "no")
    screen.failure("reason")
    assert "\x1b" not in capsys.readouterr().out


def test_lines_are_json_that_names_the_scene(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Lines()
    screen.title("title")
    screen.scene("a scene")
    screen.says("BLOCKED", "no")
    screen.table(("who",), [("bob",)])
    screen.verbatim(["one", "two"])
    screen.failure("reason")
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told == [
        {"title": "title"},
        {"scene": "a scene", "label": "BLOCKED", "text": "no"},
        {"scene": "a scene", "rows": [{"who": "bob"}]},
        {"scene": "a scene", "lines": ["one", "two"]},
        {"scene": "a scene", "failure": "reason"},
    ]
