import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardhouse.control.key_ring import KeyRing
from guardhouse.control.publisher import HEARTBEAT, Publisher
from guardhouse.control.store import Store
from guardhouse.identity.api_keys import KeyTerms, MintedKey
from guardhouse.identity.key_feed import KeyFeed
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret

PEPPER = Secret("22" * 32)
NOW = 1_800_000_000.0


class Plane:
    """The store, its publisher and one follower, as the processes have them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.feed"
        self.store = Store(folder / "store.sqlite")
        self.ring = KeyRing(self.store, PEPPER)
        self.publisher = Publisher(self.store, self.path)
        self.feed = KeyFeed(self.path, PEPPER)

    def close(self) -> None:
        self.feed.close()
        self.publisher.close()
        self.store.close()

    def seen(self, minted: MintedKey) -> Principal | Reason:
        self.feed.load()
        return self.feed.table.identify(minted.key.reveal().encode(), NOW)


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    plane = Plane(tmp_path)
    yield plane
    plane.close()


def test_published_keys_reach_a_follower(plane: Plane) -> None:
    minted, _ = plane.ring.create(KeyTerms(principal="alice", groups=("research",)), NOW)
    plane.publisher.publish(NOW)
    assert isinstance(plane.seen(minted), Principal)


def test_a_key_made_later_reaches_a_follower_with_one_poll(plane: Plane) -> None:
    plane.publisher.publish(NOW)
    minted, _ = plane.ring.create(KeyTerms(principal="alice"), NOW)
    assert plane.seen(minted) is Reason.CREDENTIAL_INVALID
    plane.publisher.poll(NOW)
    assert isinstance(plane.seen(minted), Principal)


def test_a_revocation_reaches_a_follower_with_one_poll(plane: Plane) -> None:
    minted, _ = plane.ring.create(KeyTerms(principal="alice"), NOW)
    plane.publisher.publish(NOW)
    assert isinstance(plane.seen(minted), Principal)
    plane.ring.revoke(minted.id, NOW)
    plane.publisher.poll(NOW)
    assert plane.seen(minted) is Reason.CREDENTIAL_REVOKED


def test_a_change_is_appended_once(plane: Plane) -> None:
    plane.publisher.publish(NOW)
    plane.ring.create(KeyTerms(principal="alice"), NOW)
    plane.publisher.poll(NOW)
    size = plane.path.stat().st_size
    plane.publisher.poll(NOW + 0.1)
    plane.publisher.poll(NOW + 60)
    assert plane.path.stat().st_size == size


def test_the_heartbeat_touches_the_feed_each_second_only(plane: Plane) -> None:
    plane.publisher.publish(NOW)
    plane.publisher.poll(NOW + HEARTBEAT)
    plane.feed.load()
    assert plane.feed.age(NOW + HEARTBEAT) == 0
    plane.publisher.poll(NOW + 1.9 * HEARTBEAT)
    plane.feed.refresh()
    assert plane.feed.age(NOW + 2 * HEARTBEAT) == HEARTBEAT


def test_the_heartbeat_follows_a_clock_that_was_set_back(plane: Plane) -> None:
    plane.publisher.publish(NOW)
    plane.publisher.poll(NOW - 3600)
    plane.feed.load()
    assert plane.feed.age(NOW - 3600) == 0


def test_a_feed_that_was_removed_is_published_again(plane: Plane) -> None:
    minted, _ = plane.ring.create(KeyTerms(principal="alice"), NOW)
    plane.publisher.publish(NOW)
    plane.path.unlink()
    plane.publisher.poll(NOW + HEARTBEAT)
    assert isinstance(plane.seen(minted), Principal)


def test_a_new_publisher_compacts_and_followers_change_over(plane: Plane) -> None:
    plane.publisher.publish(NOW)
    minted, _ = plane.ring.create(KeyTerms(principal="alice"), NOW)
    other, _ = plane.ring.create(KeyTerms(principal="bob"), NOW)
    plane.publisher.poll(NOW)
    plane.ring.revoke(minted.id, NOW)
    plane.publisher.poll(NOW)
    before = plane.path.read_bytes().count(b"\n")
    assert plane.seen(minted) is Reason.CREDENTIAL_REVOKED
    successor = Publisher(plane.store, plane.path)
    successor.publish(NOW)
    assert plane.path.read_bytes().count(b"\n") == before - 1
    assert plane.seen(minted) is Reason.CREDENTIAL_REVOKED
    plane.ring.revoke(other.id, NOW)
    successor.poll(NOW)
    assert plane.seen(other) is Reason.CREDENTIAL_REVOKED
    successor.close()


def test_what_a_crashed_publisher_left_behind_is_swept_away(plane: Plane) -> None:
    plane.path.with_suffix(".new").write_bytes(b"half a fe")
    minted, _ = plane.ring.create(KeyTerms(principal="alice"), NOW)
    plane.publisher.publish(NOW)
    assert isinstance(plane.seen(minted), Principal)
    assert not plane.path.with_suffix(".new").exists()


def test_the_feed_is_for_its_owner_only_and_holds_no_secret(plane: Plane) -> None:
    minted, _ = plane.ring.create(KeyTerms(principal="alice"), NOW)
    plane.publisher.publish(NOW)
    assert stat.S_IMODE(plane.path.stat().st_mode) == 0o600
    assert minted.key.reveal().rpartition("_")[2].encode() not in plane.path.read_bytes()
    assert PEPPER.reveal().encode() not in plane.path.read_bytes()
