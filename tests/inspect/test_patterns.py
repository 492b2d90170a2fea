"""Databases of patterns: what is compiled at once, and what is compiled by who needs it first."""

from threading import Thread
from typing import Any

import pytest

from guardhouse.inspect import patterns, scanner
from guardhouse.inspect.patterns import CASELESS, ONCE, Later, compiled
from guardhouse.model.entity import Entity

PATTERNS = [("abc", CASELESS | ONCE), ("b+", 0)]
EVERY = [(0, 3), (1, 5), (1, 6), (1, 9)]
TEXT = b"ABC bb abc"


def note(number: int, _start: int, end: int, _flags: int, hits: Any) -> None:
    hits.append((number, end))


def found(later: Later) -> list[tuple[int, int]]:
    hits: list[tuple[int, int]] = []
    later.scan(TEXT, note, hits)
    return sorted(hits)


def test_each_match_is_told_by_the_number_of_its_pattern() -> None:
    hits: list[tuple[int, int]] = []
    compiled(PATTERNS)(TEXT, match_event_handler=note, context=hits)
    assert sorted(hits) == EVERY


def test_what_is_not_prepared_is_compiled_by_who_comes_first_and_finds_the_same() -> None:
    later = Later(PATTERNS)
    assert "not yet" in repr(later)
    assert found(later) == EVERY
    assert "not yet" not in repr(later)
    assert found(later) == EVERY


def test_all_are_prepared_beside_somebody_who_scans() -> None:
    later = Later(PATTERNS)
    thread = Thread(target=patterns.prepare, args=(lambda: False,))
    thread.start()
    said = [scanner.spots(b"write to bob@example.com", int(Entity.EMAIL)) for _ in range(1000)]
    thread.join()
    assert said == [[14]] * 1000
    assert "not yet" not in repr(later)


def test_nothing_is_prepared_for_a_process_that_is_to_end() -> None:
    later = Later(PATTERNS)
    patterns.prepare(lambda: True)
    assert "not yet" in repr(later)


def test_a_pattern_that_cannot_be_compiled_fails_where_it_is_needed() -> None:
    later = Later([("(", 0)])
    try:
        with pytest.raises(Exception, match="paren"):
            later.compile()
    finally:
        patterns._DUE.remove(later)
