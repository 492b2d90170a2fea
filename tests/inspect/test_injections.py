import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guardhouse.inspect.injections import KINDS, MOST_TOLD, injections, kind_of
from guardhouse.inspect.structured import structured

ATTACKS = {
    "sql": [
        *("' OR 1=1 --", '" or "a"="a', "1; DROP TABLE users", "x' UNION ALL SELECT 1", "admin'--", "1) and (2 = 2"),
        *("'; WAITFOR DELAY '0:0:5'", "1; exec xp_cmdshell 'dir'", "x%27%20or%201%3D1", "' oR 'x' lIkE 'x", "a' #"),
        *("select a from information_schema.tables", "x' and sleep(5)=1", "1 into outfile 'x'", "pg_sleep(5)"),
        "1 or benchmark(1000000,md5(1))",
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


def test_what_is_found_is_told_by_kind_and_place() -> None:
    said = {"user": "$(id)", "a": "alice", "b": "../x"}
    assert list(injections(structured(said))) == [("command", "user"), ("path", "b")]


KNOWN = st.sampled_from([*HARMLESS, *[value for values in ATTACKS.values() for value in values]])
VALUES = st.builds(str.__add__, KNOWN, st.sampled_from(["", "\n", "\r\n", " "])) | st.text()


@given(st.lists(VALUES, max_size=150))
@example(["uploads/..\n", "x"])
def test_what_is_looked_at_together_is_found_as_if_each_were_looked_at_alone(values: list[str]) -> None:
    found = list(injections(((((), "list"), number), value) for number, value in enumerate(values)))
    alone = [(kind, f"list[{number}]") for number, value in enumerate(values) if (kind := kind_of(value))]
    assert found == alone


def test_no_more_than_anybody_reads_are_told() -> None:
    assert len(list(injections([((), "$(id)")] * 3000))) == MOST_TOLD


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert kind_of(text) in ("", *KINDS)


def test_a_long_value_costs_no_more_than_it_is_long() -> None:
    started = time.process_time()
    for value in ("{{" * 100_000, "' or " * 40_000, "%25" * 60_000, "select " * 30_000):
        kind_of(value)
    assert time.process_time() - started < 2
