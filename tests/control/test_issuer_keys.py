"""When an issuer is asked for its keys: often enough, never too often, whatever tokens say."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.audit.record import Event
from guardhouse.control.issuer_keys import ANSWERED_WITHIN, Watch
from guardhouse.identity.issuer_bulletin import IssuerKeys
from guardhouse.identity.issuers import Issuer
from guardhouse.identity.jwks import PublicKey
from identity.signing import usable

NOW = 1_800_000_000.0
NEVER = float("-inf")
ISSUER = Issuer(
    name="corp", issuer="https://login.example.com", audience=("g",), refresh=300.0, pause=10.0, stale_after=3600.0
)
KEYS = usable()


class Play:
    """A watch, and what its issuer answers next."""

    def __init__(self, answers: Iterable[tuple[PublicKey, ...] | str] = (), kept: IssuerKeys | None = None) -> None:
        self.answers = list(answers)
        self.events: list[Event] = []
        self.watch = Watch(ISSUER, kept, self._fetch, self.events.append)

    async def _fetch(self, issuer: Issuer) -> tuple[PublicKey, ...] | str:
        return self.answers.pop(0) if self.answers else KEYS

    def ask(self, now: float) -> bool:
        return asyncio.run(self.watch.ask(now))

    @property
    def told(self) -> list[str]:
        return [event.name.removeprefix("identity.issuer_") for event in self.events]


def test_the_first_question_comes_at_once_and_the_next_after_the_refresh() -> None:
    play = Play()
    assert play.watch.is_due(NOW, NEVER)
    assert play.ask(NOW)
    assert not play.watch.is_due(NOW + 299, NEVER)
    assert play.watch.is_due(NOW + 300, NEVER)


def test_a_key_that_is_asked_for_brings_the_question_forward_to_the_end_of_the_pause() -> None:
    play = Play()
    play.ask(NOW)
    assert not play.watch.is_due(NOW + 9, wanted_at=NOW + 1)
    assert play.watch.is_due(NOW + 10, wanted_at=NOW + 1)
    assert not play.watch.is_due(NOW + 10, wanted_at=NOW - 1)  # that was answered


def test_failures_are_repeated_with_growing_pauses_up_to_the_refresh() -> None:
    play = Play(["down"] * 10)
    now, pauses = NOW, []
    for _ in range(8):
        play.ask(now)
        pause = next(wait for wait in range(1, 1000) if play.watch.is_due(now + wait, NEVER))
        pauses.append(pause)
        now += pause
    assert pauses == [20, 40, 80, 160, 300, 300, 300, 300]


@given(st.lists(st.floats(0, 30), max_size=60), st.lists(st.booleans(), max_size=60))
def test_no_flood_makes_two_questions_within_one_pause(waits: list[float], fails: list[bool]) -> None:
    play = Play(["down" if failing else KEYS for failing in fails])
    now, asked = NOW, []
    for wait in waits:
        now += wait
        if play.watch.is_due(now, wanted_at=now):
            play.ask(now)
            asked.append(now)
    assert all(later - sooner >= ISSUER.pause for sooner, later in pairwise(asked))


def test_the_last_good_keys_stay_when_asking_fails() -> None:
    play = Play([KEYS, "answered with status 500", KEYS])
    assert play.ask(NOW)
    assert not play.ask(NOW + 300)
    assert play.watch.keys == IssuerKeys(ISSUER.issuer, KEYS, NOW)
    assert play.ask(NOW + 600)
    assert play.watch.keys == IssuerKeys(ISSUER.issuer, KEYS, NOW + 600)
    assert play.told == ["keys_changed", "unreachable", "recovered"]
    assert play.events[1].facts == {"issuer": "corp", "why": "answered with status 500"}


def test_a_failure_is_told_once_in_a_row() -> None:
    play = Play([KEYS, "down", "down", "down", KEYS, "down"])
    for number in range(6):
        play.ask(NOW + 300 * number)
    assert play.told == ["keys_changed", "unreachable", "recovered", "unreachable"]
    assert (play.watch.succeeded, play.watch.failed) == (2, 4)


def test_a_change_of_keys_is_told_with_its_size_and_their_order_is_none() -> None:
    play = Play([KEYS, tuple(reversed(KEYS)), KEYS[2:]])
    for number in range(3):
        play.ask(NOW + 300 * number)
    assert play.told == ["keys_changed", "keys_changed"]
    assert play.events[1].facts == {"issuer": "corp", "added": 0, "removed": 2}


def test_stale_keys_are_told_once_and_again_after_they_had_been_renewed() -> None:
    play = Play([KEYS, "down", KEYS, "down"])
    play.ask(NOW)
    for now in (NOW + 3600, NOW + 3601, NOW + 3700):
        play.watch.look_at_age(now)
    assert play.told == ["keys_changed", "keys_stale"]
    play.ask(NOW + 3700)
    play.ask(NOW + 3800)
    play.watch.look_at_age(NOW + 3801)
    play.watch.look_at_age(NOW + 8000)
    assert play.told[-1] == "keys_stale"
    assert play.told.count("keys_stale") == 2


def test_keys_that_were_never_had_are_stale_once_asking_has_failed() -> None:
    play = Play(["down"])
    play.watch.look_at_age(NOW)
    assert play.told == []
    play.ask(NOW)
    play.watch.look_at_age(NOW)
    assert play.told == ["unreachable", "keys_stale"]


def test_an_issuer_is_unavailable_when_asking_has_failed_and_not_when_it_is_asked_for_the_first_time() -> None:
    play = Play(["down", KEYS])
    assert not play.watch.is_unavailable(NOW)
    play.ask(NOW)
    assert play.watch.is_unavailable(NOW)
    play.ask(NOW + 20)
    assert not play.watch.is_unavailable(NOW + 20 + ISSUER.stale_after)
    assert play.watch.is_unavailable(NOW + 21 + ISSUER.stale_after)


def test_an_issuer_that_says_nothing_is_unavailable_after_a_few_seconds() -> None:
    async def scene() -> None:
        answered = asyncio.Event()

        async def silent(_: Issuer) -> tuple[PublicKey, ...]:
            await answered.wait()
            return KEYS

        events: list[Event] = []
        watch = Watch(ISSUER, None, silent, events.append)
        asking = asyncio.create_task(watch.ask(NOW))
        await asyncio.sleep(0)
        watch.look_at_age(NOW + ANSWERED_WITHIN - 0.1)
        assert events == []
        watch.look_at_age(NOW + ANSWERED_WITHIN)
        assert [event.name for event in events] == ["identity.issuer_keys_stale"]
        answered.set()
        await asking
        assert not watch.is_unavailable(NOW + ANSWERED_WITHIN)

    asyncio.run(scene())


def test_keys_from_before_a_restart_are_stale_only_when_the_issuer_had_time_to_answer() -> None:
    play = Play(["down"], kept=IssuerKeys(ISSUER.issuer, KEYS, NOW - 2 * ISSUER.stale_after))
    play.watch.look_at_age(NOW)
    assert play.told == []
    play.ask(NOW)
    play.watch.look_at_age(NOW)
    assert play.told == ["unreachable", "keys_stale"]


def test_what_was_known_before_a_restart_counts_if_it_is_of_this_issuer() -> None:
    kept = IssuerKeys(ISSUER.issuer, KEYS, NOW - 1000)
    assert Play(kept=kept).watch.keys == kept
    assert Play(kept=IssuerKeys("https://former.example.com", KEYS, NOW - 1000)).watch.keys is None


def test_a_clock_that_is_set_back_does_not_end_the_questions() -> None:
    play = Play()
    play.ask(NOW)
    assert play.watch.is_due(NOW - 86_400, NEVER)
