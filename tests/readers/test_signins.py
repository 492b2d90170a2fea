from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.journaling import closed, denied
from guardhouse.audit.record import Event
from guardhouse.policy.settings import Metrics, Signins
from guardhouse.readers import signins
from guardhouse.readers.lines import Counts
from guardhouse.readers.series import SeriesTable
from guardhouse.readers.signins import SigninReader, network_of
from guardhouse.readers.tally import Tally
from guardhouse.readers.uses import Use

KEY = "aliceaaaaaaa"
NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86_400.0
HOME, OFFICE = "192.0.2.7", "198.51.100.9"


class Memory:
    """A shelf of copies, as a store makes them."""

    def __init__(self) -> None:
        self.rows: dict[str, Use] = {}

    def get(self, name: str) -> Use | None:
        use = self.rows.get(name)
        return None if use is None else Use(use.name, use.first, use.last, dict(use.networks), use.told)

    def save(self, uses: Sequence[Use]) -> None:
        for use in uses:
            self.rows[use.name] = Use(use.name, use.first, use.last, dict(use.networks), use.told)


class Watch:
    def __init__(self, shelf: Memory | None = None, **settings: float) -> None:
        self.shelf = shelf or Memory()
        self.told: list[Event] = []
        self.reader = SigninReader(Signins(**settings), self.shelf, self.told.append)  # type: ignore[arg-type]

    def uses(self, *, at: float, client: str = HOME, credential: str = KEY, principal: str = "alice") -> list[str]:
        """The names of the events that one use makes."""
        before = len(self.told)
        self.reader.note(at, credential, principal, client)
        return [event.name for event in self.told[before:]]


def test_the_first_use_of_a_credential_is_nothing_unusual_wherever_it_is() -> None:
    assert Watch().uses(at=NOW) == []


def test_a_network_that_is_new_after_the_first_day_is_an_event_once() -> None:
    watch = Watch()
    watch.uses(at=NOW)
    assert watch.uses(at=NOW + DAY, client=OFFICE) == ["identity.new_network"]
    assert watch.uses(at=NOW + DAY + HOUR, client=OFFICE) == []
    [event] = watch.told
    assert (event.at, event.principal, event.credential, event.client) == (NOW + DAY, "alice", KEY, OFFICE)
    assert event.facts == {"network": "198.51.100.0/24", "known": 1}


def test_networks_are_learned_without_a_word_while_a_credential_is_new() -> None:
    watch = Watch()
    assert [watch.uses(at=NOW + n * HOUR, client=f"10.0.{n}.1") for n in range(4)] == [[]] * 4
    assert watch.uses(at=NOW + 2 * DAY, client="10.0.3.99") == []


def test_many_networks_at_once_are_one_alert() -> None:
    watch = Watch(networks=3)
    told = [watch.uses(at=NOW + n, client=f"10.0.{n}.1") for n in range(5)]
    assert told == [[], [], ["identity.many_networks"], [], []]
    assert (watch.told[0].severity, watch.told[0].facts["networks"]) == ("alert", 3)


def test_many_networks_one_after_the_other_are_a_journey() -> None:
    watch = Watch(networks=3)
    assert [watch.uses(at=NOW + n * HOUR, client=f"10.0.{n}.1") for n in range(8)] == [[]] * 8


def test_many_networks_are_told_of_again_when_that_goes_on() -> None:
    watch = Watch(networks=2)
    for minute in range(0, 25, 2):
        watch.uses(at=NOW + minute * 60, client=HOME if minute % 4 else OFFICE)
    assert [event.name for event in watch.told] == ["identity.many_networks"] * 3


def test_a_credential_that_has_slept_and_wakes_is_an_event() -> None:
    watch = Watch()
    watch.uses(at=NOW)
    assert watch.uses(at=NOW + 29 * DAY) == []
    assert watch.uses(at=NOW + 60 * DAY) == ["identity.dormant_awake"]
    assert watch.told[0].facts == {"days": 31, "network": "192.0.2.0/24"}
    assert watch.uses(at=NOW + 60 * DAY + 120) == []


def test_awake_in_a_new_network_is_two_events() -> None:
    watch = Watch()
    watch.uses(at=NOW)
    assert watch.uses(at=NOW + 90 * DAY, client=OFFICE) == ["identity.dormant_awake", "identity.new_network"]


def test_what_is_known_outlives_the_reader() -> None:
    first = Watch()
    first.uses(at=NOW)
    first.uses(at=NOW + HOUR, client=OFFICE)
    first.reader.save()
    again = Watch(first.shelf)
    assert again.uses(at=NOW + 2 * DAY, client=OFFICE) == []
    assert again.uses(at=NOW + 2 * DAY, client="203.0.113.1") == ["identity.new_network"]


def test_lines_that_are_read_twice_say_nothing_twice() -> None:
    story = [(NOW, HOME), (NOW + 2 * DAY, OFFICE), (NOW + 50 * DAY, HOME)]
    first = Watch()
    for at, client in story:
        first.uses(at=at, client=client)
    first.reader.save()
    assert len(first.told) == 2
    again = Watch(first.shelf)
    for at, client in story:
        again.uses(at=at, client=client)
    assert again.told == []
    assert first.shelf.rows[f"key:{KEY}"].last == NOW + 50 * DAY


def test_keys_are_followed_by_their_id_and_tokens_by_their_principal() -> None:
    watch = Watch()
    for number in range(3):
        watch.uses(at=NOW + number * DAY, credential=f"x509:{number:032x}", principal="spiffe://example.org/a")
    watch.uses(at=NOW, credential="bobbbbbbbbbb", principal="bob")
    watch.reader.save()
    assert set(watch.shelf.rows) == {"principal:spiffe://example.org/a", "key:bobbbbbbbbbb"}


def test_saving_takes_turns_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signins, "MOST_USES", 10)
    watch = Watch()
    for number in range(25):
        watch.uses(at=NOW, credential=f"key{number:09d}")
    watch.reader.save(most=20)
    assert len(watch.shelf.rows) == 20
    assert "5 in memory, 5 to be saved" in repr(watch.reader)
    watch.reader.save(most=20)
    assert len(watch.shelf.rows) == 25
    assert watch.uses(at=NOW + 2 * DAY, credential="key000000000", client=OFFICE) == ["identity.new_network"]


def test_only_so_many_networks_are_remembered() -> None:
    watch = Watch(networks=32)
    for number in range(100):
        watch.uses(at=NOW + number * HOUR, client=f"10.0.{number}.1")
    watch.reader.save()
    assert len(watch.shelf.rows[f"key:{KEY}"].networks) == signins.MOST_NETWORKS


def test_the_records_of_the_journal_are_what_is_noted() -> None:
    noted: list[tuple[float, str, str, str]] = []
    tally = Tally(Metrics().user, Counts(SeriesTable(100)), lambda *use: noted.append(use))
    records = [
        closed("a", credential=KEY, client=HOME),
        denied("b", "request_rate_exceeded", credential=KEY, client=OFFICE),
        denied("c", "credential_invalid", principal="", credential="", client=OFFICE),
    ]
    tally.take("w0", b"".join(msgspec.json.encode(each) + b"\n" for each in records))
    assert [(use[1], use[3]) for use in noted] == [(KEY, HOME), (KEY, OFFICE)]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("local", "local"),
        ("", ""),
    ],
)
def test_an_address_is_in_a_network(address: str, network: str) -> None:
    assert network_of(address) == network


@given(
    st.lists(
        st.tuples(
            st.sampled_from([120.0, HOUR, DAY, 35 * DAY]),
            st.sampled_from([HOME, OFFICE, "203.0.113.5", "2001:db8::1"]),
        ),
        max_size=40,
    )
)
def test_however_often_it_is_interrupted_the_reader_tells_the_same_and_once(uses: list[tuple[float, str]]) -> None:
    at, story = NOW, []
    for pause, client in uses:
        at += pause
        story.append((at, client))
    whole, shelf = Watch(networks=3), Memory()
    told: list[Event] = []
    for number, (moment, client) in enumerate(story):
        whole.uses(at=moment, client=client)
        part = Watch(shelf, networks=3)  # a reader that lives for one record, and is handed those before it again
        for earlier, place in story[max(0, number - 2) : number + 1]:
            part.uses(at=earlier, client=place)
        part.reader.save()
        told += part.told
    assert told == whole.told


def test_workers_whose_records_arrive_in_disorder_are_all_heard() -> None:
    watch = Watch()
    watch.uses(at=NOW)
    watch.uses(at=NOW + 2 * DAY)
    assert watch.uses(at=NOW + 2 * DAY - 1, client=OFFICE) == ["identity.new_network"]
    assert watch.uses(at=NOW + DAY, client="203.0.113.5") == []
    watch.reader.save()
    assert watch.shelf.rows[f"key:{KEY}"].last == NOW + 2 * DAY
