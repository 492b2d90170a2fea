"""Reports are made of journals alone: what they tell of each exchange, and what they own to not knowing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Attempt, Closed, Event, Kept, Opened, Record
from guardhouse.readers.whereabouts import Gap, Line, Places, Read, Sum, Went, tell

PLACES = Event(
    at=1.0, name="residency.places", facts={"revision": "r", "gateway": "eu", "journal": "eu", "copy:siem": "dublin"}
)
EU = Kept(by=("policy stays",), within=("eu",))


def opened(name: str, region: str, kept: Kept | None = EU) -> Opened:
    return Opened(
        at=2.0,
        id=name,
        principal="alice",
        credential="c",
        client="192.0.2.7",
        operation="chat",
        model="m",
        target="t",
        policies=(),
        revision="r",
        region=region,
        kept=kept,
    )


def closed(name: str, region: str, kept: Kept | None = EU, reason: str = "", **members: object) -> Closed:
    told = Closed(
        at=3.0,
        id=name,
        decision="allowed",
        outcome="failed" if reason else "completed",
        reason=reason,
        principal="alice",
        model="m",
        target="t",
        revision="r",
        region=region,
        kept=kept,
    )
    for member, value in members.items():
        setattr(told, member, value)
    return told


def journal(folder: Path, records: Sequence[Record], segment: int = 2**20) -> Path:
    async def write() -> None:
        loop = asyncio.get_running_loop()
        kept = Journal(folder / "w0", worker="w0", schedule=loop.call_soon, segment=segment)
        for record in records:
            kept.append(record)
            await asyncio.sleep(0)
        kept.close()

    asyncio.run(write())
    return folder


def told(folder: Path, *records: Record, since: float = 0.0, until: float = 100.0) -> list[Line]:
    return list(tell(journal(folder, records), since, until))


def went(lines: list[Line]) -> list[Went]:
    return [line for line in lines if isinstance(line, Went)]


def gaps(lines: list[Line]) -> list[str]:
    return [line.what for line in lines if isinstance(line, Gap)]


def test_each_kind_of_bytes_is_told_with_where_it_went(tmp_path: Path) -> None:
    lines = told(tmp_path, PLACES, opened("a", "eu"), closed("a", "eu"))
    assert [type(line) for line in lines] == [Read, Places, Went, Sum]
    [exchange] = went(lines)
    assert exchange.verdict == "kept"
    assert exchange.regions == {
        "prompt": ("eu",),
        "answer": ("eu",),
        "metadata": ("dublin", "eu"),
        "upstream credential": ("eu",),
    }


def test_an_exchange_that_went_where_its_rules_do_not_let_it_is_told_as_left(tmp_path: Path) -> None:
    lines = told(tmp_path, PLACES, opened("a", "us"), closed("a", "us"))
    assert went(lines)[0].verdict == "left"
    total = lines[-1]
    assert isinstance(total, Sum)
    assert total.verdicts == {"left": 1}


def test_what_was_sent_before_a_retry_counts_too(tmp_path: Path) -> None:
    tries = [Attempt("t0", "upstream_closed_early", "us"), Attempt("t1", "upstream_unreachable", "asia")]
    lines = told(
        tmp_path, PLACES, opened("a", "us"), closed("a", "eu", attempts=[*tries, Attempt("t", "completed", "eu")])
    )
    assert went(lines)[0].regions["prompt"] == ("eu", "us")
    assert went(lines)[0].verdict == "left"


def test_of_a_server_that_could_not_be_reached_nothing_is_told_to_have_gone(tmp_path: Path) -> None:
    lines = told(tmp_path, PLACES, opened("a", "eu"), closed("a", "eu", reason="upstream_unreachable"))
    assert went(lines)[0].verdict == "refused"
    assert went(lines)[0].regions["prompt"] == ("eu",)  # the gateway has had it
    assert "answer" not in went(lines)[0].regions


def test_an_exchange_without_an_end_may_have_gone_where_it_was_to_go(tmp_path: Path) -> None:
    lines = told(tmp_path, PLACES, opened("a", "eu"))
    assert went(lines)[0].verdict == "open"
    assert went(lines)[0].regions["prompt"] == ("eu",)


def test_without_the_places_of_its_revision_an_exchange_makes_a_gap(tmp_path: Path) -> None:
    lines = told(tmp_path, opened("a", "eu"), closed("a", "eu"), opened("b", "eu"), closed("b", "eu"))
    assert gaps(lines) == ["where the places of revision r were is not in what is here"]
    assert "metadata" not in went(lines)[0].regions


def test_where_no_rule_spoke_of_it_an_exchange_is_free(tmp_path: Path) -> None:
    lines = told(tmp_path, opened("a", "", None), closed("a", "", None))
    assert went(lines)[0].verdict == "free"
    assert went(lines)[0].regions["prompt"] == ("",)
    assert gaps(lines) == []


def test_only_what_ended_in_the_time_that_is_asked_for_is_told(tmp_path: Path) -> None:
    lines = told(tmp_path, PLACES, opened("a", "eu"), closed("a", "eu"), since=4.0)
    assert went(lines) == []
    assert [line for line in lines if isinstance(line, Places)] != []


def test_a_changed_journal_is_a_gap_and_nothing_behind_the_change_is_believed(tmp_path: Path) -> None:
    journal(tmp_path, [PLACES, opened("a", "eu"), closed("a", "eu"), opened("b", "eu"), closed("b", "eu")])
    path = tmp_path / "w0" / "00000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], lines[4].replace(b'"eu"', b'"us"'), *lines[5:]]))
    found = list(tell(tmp_path, 0.0, 100.0))
    assert [exchange.id for exchange in went(found)] == ["a"]
    assert "nothing behind it counts" in gaps(found)[0]
    assert isinstance(found[0], Read)
    assert not found[0].sound


def test_segments_that_are_gone_are_a_gap(tmp_path: Path) -> None:
    journal(tmp_path, [PLACES, opened("a", "eu"), closed("a", "eu")], segment=1)
    (tmp_path / "w0" / "00000001.jsonl").unlink()
    assert "the segments before 2 are not here" in gaps(list(tell(tmp_path, 0.0, 100.0)))
