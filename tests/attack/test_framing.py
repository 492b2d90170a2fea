"""Every attack vector, in every pacing, against a real gateway with a recording model server behind it.

One test runs one file of the corpus in one pacing; the last test holds the whole run together against the journal.
"""

from collections.abc import Iterator

import pytest

from attack.assault import PACINGS, Assault, Pacing
from attack.invariants import accepted_only, answers_recorded, flat, recorded_once
from attack.recording import RecordingBackend
from attack.vectors import FILES, load
from integration.gateway import Gateway, running
from integration.polling import eventually

ALLOWED_GROWTH_KIB = 24 * 1024
CHANGES = {
    "listen": {"limits": {"body": "1MiB", "pipelined": 16}, "deadlines": {"header": "5s", "body": "3s"}},
    "audit": {"segment": "1MiB"},
}


@pytest.fixture(scope="module")
def recording() -> Iterator[RecordingBackend]:
    with RecordingBackend() as started:
        yield started


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, recording: RecordingBackend) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("framing"), recording.url, CHANGES) as started:
        yield started


@pytest.fixture(scope="module")
def assault(target: Gateway, recording: RecordingBackend) -> Assault:
    return Assault(target.data, target.key, recording.tape)


@pytest.fixture(scope="module")
def at_start(target: Gateway, assault: Assault) -> tuple[list[int], int]:
    """The workers and their memory, once a first round has warmed them up."""
    assault.run(load("routes"), PACINGS[0])
    return target.workers(), target.resident_kib()


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    names = [vector.name for file in FILES for vector in load(file)]
    assert len(names) >= 700
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("pacing", PACINGS, ids=lambda pacing: pacing.name)
@pytest.mark.parametrize("file", FILES)
def test_vectors_meet_their_expectation(
    assault: Assault, at_start: tuple[list[int], int], file: str, pacing: Pacing
) -> None:
    broken = assault.run(load(file), pacing)
    assert not broken, "\n".join(broken)


def test_nothing_malformed_reached_the_model_server(assault: Assault, recording: RecordingBackend) -> None:
    assert recording.tape.seen
    assert recording.tape.violations == []


def test_the_journal_holds_every_exchange_once(target: Gateway, assault: Assault, recording: RecordingBackend) -> None:
    def settled() -> bool:
        return not recorded_once(recording.tape.seen, target.records())

    try:
        eventually(settled, 5, "every opened record has its closed one")
    except AssertionError:
        pytest.fail("\n".join(recorded_once(recording.tape.seen, target.records())[:20]))
    broken = answers_recorded(assault.identifiers, target.records())
    broken += accepted_only(recording.tape, assault.accepted)
    assert not broken, "\n".join(broken[:20])


def test_the_workers_live_on_and_stay_small(target: Gateway, assault: Assault, at_start: tuple[list[int], int]) -> None:
    workers, before = at_start
    assert target.workers() == workers
    assert flat(before, target.resident_kib(), ALLOWED_GROWTH_KIB) == []
