"""What operators switch off is refused with its own reason, to exactly those it concerns, and not beyond its end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limited import config
from playbook import BOB, Answer, Play, chat, chunk_event, get, perform, post, stream

from guardhouse.limits.capacity import Crew
from guardhouse.limits.rate import Rate
from guardhouse.model.bulletin import publish
from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path.gates import Gates, follow
from guardhouse.policy.standing import Cap, Standing

FOREVER = 4e9


def switch(play: Play, standing: Standing) -> None:
    publish(play.directory / "standing.json", standing)
    play.plane.gates.refresh(play.plane.loop_time())


@pytest.fixture
def gates(tmp_path: Path) -> Gates:
    return follow(tmp_path, Crew())


def test_a_suspended_principal_is_refused_everything_and_others_nothing(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        switch(play, Standing(suspended={"alice": FOREVER}))
        told = await play.say(post(chat("x")))
        assert (told.status, told.code) == (403, "principal_suspended")
        assert "It ends at 2096-10-02T07:06:40Z." in told.json["error"]["message"]
        play.wire, play.caller = play.connect()
        assert (await play.say(get(b"/v1/models"))).code == "principal_suspended"
        assert not play.server.requests
        play.wire, play.caller = play.connect()
        assert (await play.say(post(chat("x", model="secret-model"), key=BOB))).status == 200

    perform(tmp_path, scene)


def test_a_suspension_that_is_over_or_lifted_is_none(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        switch(play, Standing(suspended={"alice": 1000.0}))
        assert (await play.say(post(chat("x")))).status == 200
        switch(play, Standing(suspended={"alice": None}))
        assert (await play.say(post(chat("x")))).status == 403
        switch(play, Standing())
        play.wire, play.caller = play.connect()
        assert (await play.say(post(chat("x")))).status == 200

    perform(tmp_path, scene)


def test_who_is_suspended_while_waiting_behind_another_exchange_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.caller.data_received(post(chat("first")) + post(chat("second")))
        switch(play, Standing(suspended={"alice": None}))
        await play.turn()
        assert [record["reason"] for record in play.records if record["kind"] == "closed" and "reason" in record] == [
            "principal_suspended"
        ]

    perform(tmp_path, scene)


def test_a_model_that_is_closed_while_an_exchange_is_held_gets_nothing(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        first, second = play.connect(), play.connect()
        first[1].data_received(post(chat("x")))
        second[1].data_received(post(chat("x")))
        await play.turn()
        assert (play.plane.held, len(play.server.requests)) == (1, 1)
        switch(play, Standing(closed={"small": None}))
        first[1].connection_lost(None)
        await play.turn()
        answer = Answer(second[0].written)
        assert (answer.status, answer.code) == (503, "model_closed")
        assert len(play.server.requests) == 1
        assert play.plane.held == 0

    perform(tmp_path, scene, config=config("{concurrent: 1, queue: {depth: 2, wait: 60s}}"))


def test_an_answer_under_way_to_a_suspended_principal_is_ended(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("x", stream=True)))).status == 200
        switch(play, Standing(suspended={"alice": None}, closed={"small": None}))
        play.caller.oversee()
        await play.turn()
        assert b"principal_suspended" in play.wire.written

    perform(tmp_path, scene, lambda _: stream(chunk_event("one"), chunk_event("two"))[:2])


def test_a_closed_model_is_told_to_those_alone_who_may_use_it(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        switch(play, Standing(closed={"small": None, "secret-model": None}))
        told = await play.say(post(chat("x")))
        assert (told.status, told.code) == (503, "model_closed")
        assert (await play.say(post(chat("x", model="secret-model")))).code == "model_denied"
        assert (await play.say(post(chat("x", model="renamed")))).status == 200

    perform(tmp_path, scene)


def test_a_cap_counts_all_principals_of_its_tier_together(gates: Gates, tmp_path: Path) -> None:
    publish(tmp_path / "standing.json", Standing(capped={"free": Cap(Rate(2, 60.0), FOREVER)}))
    gates.refresh(0.0)
    assert [gates.refuse_tier("free", 0.0, 0.0), gates.refuse_tier("free", 0.0, 0.0)] == [None, None]
    refusal = gates.refuse_tier("free", 0.0, 0.0)
    assert refusal == Denial(Reason.TIER_CAPPED, "The tier 'free' is limited to 2/min for now.", retry_after=30.0)
    assert gates.refuse_tier("paid", 0.0, 0.0) is None
    assert gates.refuse_tier("free", FOREVER, 0.0) is None
    assert gates.refuse_tier("free", 0.0, 30.0) is None


def test_news_of_something_else_does_not_fill_a_cap_up_again(gates: Gates, tmp_path: Path) -> None:
    cap = Cap(Rate(1, 60.0))
    publish(tmp_path / "standing.json", Standing(capped={"free": cap}))
    gates.refresh(0.0)
    assert gates.refuse_tier("free", 0.0, 0.0) is None
    publish(tmp_path / "standing.json", Standing(capped={"free": cap, "paid": cap}, closed={"small": None}))
    gates.refresh(0.0)
    assert gates.refuse_tier("free", 0.0, 0.0) is not None
    publish(tmp_path / "standing.json", Standing(capped={"free": Cap(Rate(2, 60.0))}))
    gates.refresh(0.0)
    assert gates.refuse_tier("free", 0.0, 0.0) is None


def test_a_capped_tier_is_refused_on_the_path(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        switch(play, Standing(capped={"": Cap(Rate(1, 60.0))}))  # the tier of those who have none
        assert (await play.say(post(chat("x")))).status == 200
        told = await play.say(post(chat("x")))
        assert (told.status, told.code, told.headers[b"retry-after"]) == (429, "tier_capped", b"60")

    perform(tmp_path, scene)


@given(st.integers(1, 10**6), st.integers(1, 64))
def test_the_parts_of_all_workers_add_up_to_the_number(number: int, workers: int) -> None:
    parts = [Crew(worker, workers).part(number) for worker in range(workers)]
    assert sum(parts) == number
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize(("cap", "workers"), [(10, 4), (3, 4), (1, 2), (64, 8)])
def test_all_workers_together_let_through_what_the_cap_says(tmp_path: Path, cap: int, workers: int) -> None:
    publish(tmp_path / "standing.json", Standing(capped={"free": Cap(Rate(cap, 60.0), None)}))
    crew = [follow(tmp_path, Crew(worker, workers)) for worker in range(workers)]
    for gates in crew:
        gates.load(0.0)

    def through(now: float) -> int:
        return sum(gates.refuse_tier("free", 0.0, now) is None for _ in range(cap + 2) for gates in crew)

    assert through(0.0) == cap
    assert through(30.0) <= cap // 2 + 1
    assert through(1000.0) == cap
    refused = [gates.refuse_tier("free", 0.0, 1000.0) for gates in crew]
    assert all(isinstance(each, Denial) and (each.retry_after or 0.0) > 0.0 for each in refused)


def test_a_damaged_file_keeps_a_worker_from_starting_and_changes_nothing_later(gates: Gates, tmp_path: Path) -> None:
    gates.load(0.0)
    publish(tmp_path / "standing.json", Standing(suspended={"alice": None}))
    gates.load(0.0)
    (tmp_path / "standing.json").write_text('{"suspended": 7}')
    gates.refresh(0.0)
    assert gates.refuse_principal("alice", 0.0) == Denial(Reason.PRINCIPAL_SUSPENDED)
    with pytest.raises(OSError, match=r"standing\.json is damaged"):
        follow(tmp_path, Crew()).load(0.0)
