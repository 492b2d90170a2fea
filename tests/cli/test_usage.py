import json
import threading
import time
from pathlib import Path

import pytest

from cli.commanding import CONFIGURATION, Command
from guardhouse.cli import usage
from guardhouse.control.state import State, prepare
from guardhouse.control.usage_desk import UsageDesk, UsageReport
from guardhouse.model.bulletin import publish
from guardhouse.model.figures import MemoryFigures, TargetFigures, WorkerFigures
from guardhouse.readers.usage import UsageReader
from guardhouse.readers.uses import PrincipalUsage

run = Command("usage").run


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    (tmp_path / "guardhouse.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    state = State(tmp_path / "state")
    prepare(state)
    return state


def used(principal: str) -> PrincipalUsage:
    return PrincipalUsage(
        principal=principal,
        requests_per_minute=1.5,
        tokens_per_minute=30,
        requests=90,
        refused=2,
        input_tokens=1000,
        output_tokens=500,
        credentials=["k1", "k2"],
        last=0.0,
    )


def test_a_gateway_that_runs_is_asked_and_answers(state: State) -> None:
    desk = UsageDesk(state, UsageReader(), 1, 0.0, lambda: None)
    over = threading.Event()

    def turn() -> None:
        while not over.wait(0.01):
            desk.poll(time.time())

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        result = run("--json")
    finally:
        over.set()
        thread.join()
    assert result.exit_code == 0
    assert json.loads(result.stdout)["principals"] == []


def test_without_a_gateway_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_WITHIN", 0.0)
    result = run()
    assert result.exit_code == 1
    assert "no gateway answers" in result.stderr


def test_an_old_report_is_no_answer(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_WITHIN", 0.0)
    publish(state.usage, UsageReport(at=1.0, since=0.0, principals=[], workers={}))
    assert run().exit_code == 1


def test_the_busiest_are_shown_or_the_one_that_is_named(state: State) -> None:
    future = time.time() + 1000
    publish(state.usage, UsageReport(at=future, since=0.0, principals=[used("alice"), used("bob")], workers={}))
    assert [each["principal"] for each in json.loads(run("--json").stdout)["principals"]] == ["alice", "bob"]
    assert [each["principal"] for each in json.loads(run("--json", "--top", "1").stdout)["principals"]] == ["alice"]
    assert [each["principal"] for each in json.loads(run("bob", "--json").stdout)["principals"]] == ["bob"]


MEMORY = {"requests": MemoryFigures(5 << 20, 256 << 20), "answers": MemoryFigures(0, 64 << 20)}


def test_people_see_two_tables(state: State) -> None:
    worker = WorkerFigures(connections=3, exchanges=2, held=1, memory=MEMORY, targets={"gpu": TargetFigures(2, 8, 1)})
    shared = WorkerFigures(limits_store="away")
    future = time.time() + 1000
    workers = {"w0": worker, "w1": shared}
    publish(state.usage, UsageReport(at=future, since=0.0, principals=[used("alice")], workers=workers))
    lines = run().stdout.splitlines()
    assert lines[1].split() == ["alice", "1.5", "30", "90", "2", "1000", "500", "k1,k2"]
    assert lines[4].split() == ["w0", "3", "2", "1", "5/256", "MiB,", "0/64", "MiB", "gpu", "2/8,", "1", "own"]
    assert lines[5].split() == ["w1", "0", "0", "0", "-", "-", "store", "away"]
