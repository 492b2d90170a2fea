"""How many tokens a principal is minted: never more than the rate and the bound say, and told when it is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.audit.record import Event
from guardhouse.control import trails
from guardhouse.control.mint_limits import MintLimits
from guardhouse.control.minted_store import MintedStore
from guardhouse.control.minting import MintedToken
from guardhouse.control.revocations import Revocations
from guardhouse.control.store import Store
from guardhouse.control.trails import TOLD_EVERY
from guardhouse.limits.rate import Rate
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret
from guardhouse.policy.settings import OwnTokens

NOW = 1_800_000_000.0


class Desk:
    """Limits with a clock of their own; `ask` makes a token if it may."""

    def __init__(self, store: Store, rate: Rate, live: int) -> None:
        Revocations(store.engine)
        self.now = NOW
        self.events: list[Event] = []
        limits = OwnTokens(rate=rate, live=live)
        self.limits = MintLimits(limits, MintedStore(store.engine), self.events.append, lambda: self.now)
        self.made = 0

    def ask(self, who: str = "alice", lifetime: float = 600.0) -> Reason | None:
        grantor = Principal(id=who, credential_id=f"key-of-{who}")
        denial = self.limits.admit(grantor, self.now)
        if denial is not None:
            assert denial.retry_after is not None
            assert denial.retry_after > 0
            return denial.reason
        self.made += 1
        token = MintedToken(f"gt_{self.made}", Secret("t"), self.now + lifetime, grantor)
        self.limits.made(token, self.now)
        self.limits.settle(token, recorded=True)
        return None

    @property
    def counts(self) -> dict[str, float]:
        [metric] = self.limits.collect()
        return {sample.labels["outcome"]: sample.value for sample in metric.samples}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite")
    yield opened
    opened.close()


def test_the_rate_counts_per_principal_and_comes_back_with_time(store: Store) -> None:
    desk = Desk(store, Rate(3, 60.0), 1000)
    assert [desk.ask() for _ in range(5)] == [None] * 3 + [Reason.MINTING_RATE_EXCEEDED] * 2
    assert desk.ask("bob") is None
    desk.now += 20
    assert [desk.ask(), desk.ask()] == [None, Reason.MINTING_RATE_EXCEEDED]
    assert desk.counts == {"minted": 5, "rate": 3, "live": 0}


def test_a_refusal_says_how_long_to_wait(store: Store) -> None:
    desk = Desk(store, Rate(1, 60.0), 1000)
    desk.ask()
    denial = desk.limits.admit(Principal(id="alice", credential_id="k"), desk.now + 15)
    assert denial is not None
    assert denial.retry_after == pytest.approx(60.0)
    desk.now += 15
    denial = desk.limits.admit(Principal(id="alice", credential_id="k"), desk.now)
    assert denial is not None
    assert denial.retry_after == pytest.approx(45.0)


def test_no_more_are_alive_than_may_be(store: Store) -> None:
    desk = Desk(store, Rate(1000, 60.0), 3)
    assert [desk.ask(lifetime=60) for _ in range(4)] == [None] * 3 + [Reason.LIVE_TOKENS_EXCEEDED]
    desk.now += 60
    assert desk.ask() is None
    assert desk.counts["live"] == 1


def test_what_could_not_be_recorded_takes_no_room(store: Store) -> None:
    desk = Desk(store, Rate(1000, 60.0), 1)
    grantor = Principal(id="alice", credential_id="k")
    assert desk.limits.admit(grantor, desk.now) is None
    token = MintedToken("gt_x", Secret("t"), desk.now + 60, grantor)
    desk.limits.made(token, desk.now)
    assert desk.ask() is Reason.LIVE_TOKENS_EXCEEDED, "until it is known, it counts"
    desk.limits.settle(token, recorded=False)
    assert desk.ask() is None


def test_a_flood_of_refusals_is_told_once_a_minute(store: Store) -> None:
    desk = Desk(store, Rate(1, 3600.0), 1000)
    for _ in range(200):
        desk.ask()
    [event] = desk.events
    assert (event.name, event.principal, event.credential) == ("identity.minting_limited", "alice", "key-of-alice")
    assert event.facts == {"limit": "rate", "reason": "minting_rate_exceeded"}
    desk.now += TOLD_EVERY
    desk.ask()
    assert len(desk.events) == 2


def test_memory_is_bounded_and_whoever_asks_is_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trails, "MOST", 8)
    desk = Desk(store, Rate(2, 3600.0), 1000)
    for number in range(40):
        desk.ask(f"user-{number}")
        desk.ask("alice")
        assert len(desk.limits) <= 8
    assert desk.ask("alice") is Reason.MINTING_RATE_EXCEEDED
    assert sum(event.principal == "alice" for event in desk.events) == 1


@given(st.lists(st.tuples(st.sampled_from(["alice", "bob"]), st.floats(0, 30)), max_size=60))
def test_over_any_time_no_principal_is_minted_more_than_burst_and_rate(asked: list[tuple[str, float]]) -> None:
    desk = _InMemory(Rate(4, 60.0))
    began = desk.now
    for who, pause in asked:
        desk.now += pause
        desk.ask(who)
    for who in ("alice", "bob"):
        assert desk.minted[who] <= 4 + (desk.now - began) * 4 / 60 + 1e-6


class _InMemory:
    def __init__(self, rate: Rate) -> None:
        self.now = NOW
        self.minted = {"alice": 0, "bob": 0}
        self.limits = MintLimits(OwnTokens(rate=rate), _Roomy(), lambda _: None, lambda: self.now)

    def ask(self, who: str) -> None:
        if self.limits.admit(Principal(id=who, credential_id="k"), self.now) is None:
            self.minted[who] += 1


class _Roomy(MintedStore):
    """There is always room."""

    def __init__(self) -> None:
        pass

    def room_at(self, principal: str, most: int, now: float) -> float | None:
        return None
