import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.injections import KINDS, injections, kind_of, structured

ATTACKS = {
    "sql": [
        *("' OR 1=1 --", '" or "a"="a', "1; DROP TABLE users", "x' UNION ALL SELECT 1", "admin'--", "1) and (2 = 2"),
        *("'; WAITFOR DELAY '0:0:5'", "1; exec xp_cmdshell 'dir'", "x%27%20or%201%3D1", "' oR 'x' lIkE 'x", "a' #"),
        *("select a from information_schema.tables", "x' and sleep(5)=1", "1 into outfile 'x'", "pg_sleep(5)"),
    ],
    "template": [
        *("{{7*7}}", "{{ config.items() }}", "${jndi:ldap://x/a}", "${T(java.lang.Runtime)}", "#{7*7}", "<%= 7 %>"),
        *("{% for x in y %}", "x.__class__.__mro__", "%7B%7B7*7%7D%7D", "{{''|attr('x')}}"),
    ],
    "path": [
        *(
            "../../etc/passwd",
            "..\\..\\windows",
            "%2e%2e%2fetc",
            "%252e%252e%252f",
            "a/../b",
            "/etc/passwd",
            "~/.ssh/id",
        ),
        *("file:///etc/passwd", "C:\\Windows", "\\\\host\\share", "a\x00.png", "..", "/proc/self/environ"),
    ],
    "command": [
        *("; cat x", "x | sh", "a && curl x", "$(id)", "`id`", "x;/bin/ls", "a\nwget x", "> /tmp/x", "a||whoami"),
    ],
}
HARMLESS = (Path(__file__).parent / "corpus" / "structured-harmless.txt").read_text().splitlines()


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in ATTACKS.items() for value in values])
def test_an_injection_is_known_by_its_kind(kind: str, value: str) -> None:
    assert kind_of(value) == kind


def test_nothing_harmless_is_taken_for_an_injection() -> None:
    taken = [value for value in HARMLESS if kind_of(value)]
    assert len(HARMLESS) > 60
    assert taken == []


DOCUMENT: dict[str, Any] = {
    "model": "m",
    "user": "u",
    "prompt": "p",
    "metadata": {"team": "t", "deep": {"er": ["l"]}},
    "options": {"stop": "s"},
    "messages": [
        {"role": "user", "name": "n", "content": "c"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": '{"cmd": "x; ls"}'}}],
        },
        {"role": "tool", "tool_call_id": "tc", "content": "c"},
    ],
    "tools": [{"type": "function", "function": {"name": "tf", "description": "d", "parameters": {"x": "y"}}}],
    "inputs": [{"name": "in", "parameters": {"binary": "b"}, "data": ["; ls"]}],
    "service_tier": "st",
}


def test_what_is_looked_at_is_structured_and_no_text_or_argument() -> None:
    assert sorted(value for _, value in structured(DOCUMENT)) == sorted(
        ["m", "u", "team", "t", "deep", "er", "l", "stop", "s", "n", "i", "f", "tc", "tf", "in", "binary", "b", "st"]
    )
    assert list(injections(DOCUMENT)) == []


def test_the_place_is_told_without_the_names_of_the_caller() -> None:
    document = {"metadata": {"my-secret": "$(id)"}, "user": "a' or 1=1", "messages": [{"name": "../x"}], "ä": "`id`"}
    assert sorted(injections(document)) == [
        ("command", "*"),
        ("command", "metadata.*"),
        ("path", "messages[0].name"),
        ("sql", "user"),
    ]


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert kind_of(text) in ("", *KINDS)


def test_a_long_value_costs_no_more_than_it_is_long() -> None:
    started = time.process_time()
    for value in ("{{" * 100_000, "' or " * 40_000, "%25" * 60_000, "select " * 30_000):
        kind_of(value)
    assert time.process_time() - started < 2
