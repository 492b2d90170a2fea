from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardhouse.control.standing_store import Act, Kind, StandingStore
from guardhouse.control.store import Store
from guardhouse.limits.rate import Rate

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.sqlite")
    yield store
    store.close()


@pytest.fixture
def acts(store: Store) -> StandingStore:
    return StandingStore(store.engine)


def act(kind: Kind = "principal", name: str = "alice", **more: object) -> Act:
    return msgspec.convert({"kind": kind, "name": name, "at": NOW, "by": "root", **more}, Act)


def test_an_act_comes_back_as_it_was_entered(acts: StandingStore) -> None:
    entered = act("tier", "free", because="too much", until=NOW + 60, cap=Rate(100, 60.0))
    number = acts.enter(entered)
    assert acts.history(10) == [msgspec.structs.replace(entered, number=number)]
    assert acts.latest() == acts.history(10)


def test_the_latest_act_of_each_thing_counts_and_all_stay_in_the_history(acts: StandingStore) -> None:
    for lifted in (False, True, False, True):
        acts.enter(act(lifted=lifted))
    acts.enter(act("model", "alice"))
    assert [(each.kind, each.name) for each in acts.latest()] == [("model", "alice")]
    assert len(acts.history(10)) == 5
    assert [each.kind for each in acts.history(2)] == ["model", "principal"]


def test_what_the_journal_has_is_not_told_again(acts: StandingStore) -> None:
    first, second = acts.enter(act()), acts.enter(act(name="bob"))
    acts.note_announced([first])
    assert [each.number for each in acts.unannounced()] == [second]


def test_a_store_that_is_opened_again_knows_everything(acts: StandingStore, store: Store) -> None:
    acts.enter(act())
    assert StandingStore(store.engine).latest() == acts.latest()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=20), because=st.text(max_size=20))
def test_names_and_reasons_are_values_and_never_sql(acts: StandingStore, name: str, because: str) -> None:
    because = because.encode("utf-8", "ignore").decode()
    number = acts.enter(act(name=name, because=because))
    [found] = [each for each in acts.history(1) if each.number == number]
    assert (found.name, found.because) == (name, because)
