"""What a gateway starts with: the file if it was edited since it was read, else what the history says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from policies import ENVIRON, loaded, revision_of, text

from guardhouse.control.activation import Activation
from guardhouse.control.revisions import Change, Origin, Revisions, Slot
from guardhouse.control.store import Store
from guardhouse.policy.edition import Edition

A, B, C = text("a"), text("b"), text("c")


@pytest.fixture
def revisions(tmp_path: Path) -> Iterator[Revisions]:
    store = Store(tmp_path / "store.sqlite")
    yield Revisions(store.engine)
    store.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "guardhouse.yaml"


def start(revisions: Revisions, config: Path, content: bytes, now: float = 1.0) -> Edition:
    config.write_bytes(content)
    edition = Activation(revisions, config, ENVIRON).begin(loaded(content, config), now)
    assert isinstance(edition, Edition), edition
    return edition


def enter(revisions: Revisions, content: bytes, slot: Slot = "active", origin: Origin = "command") -> None:
    share = 10.0 if slot == "canary" else None
    change = Change(slot=slot, revision=revision_of(content), share=share, at=2.0, author="ann", origin=origin)
    revisions.enter(change, content)


def test_the_first_start_activates_the_file_and_says_whose_it_is(revisions: Revisions, config: Path) -> None:
    edition = start(revisions, config, A)
    assert edition.active.revision == edition.started.revision == revision_of(A)
    assert edition.base == str(config.parent)
    [change] = revisions.history(10)
    assert (change.origin, change.author, change.at) == ("start", config.owner(), 1.0)
    assert revisions.source(revision_of(A)) == A


def test_a_start_with_the_same_file_changes_nothing(revisions: Revisions, config: Path) -> None:
    start(revisions, config, A)
    start(revisions, config, A)
    assert len(revisions.history(10)) == 1


def test_a_rollback_outlives_a_restart(revisions: Revisions, config: Path) -> None:
    start(revisions, config, A)
    start(revisions, config, B)
    enter(revisions, A, origin="rollback")
    assert start(revisions, config, B).active.revision == revision_of(A)


def test_a_file_that_was_edited_while_the_gateway_was_down_counts(revisions: Revisions, config: Path) -> None:
    start(revisions, config, A)
    enter(revisions, B)
    assert start(revisions, config, C).active.revision == revision_of(C)


def test_candidates_are_taken_up_again(revisions: Revisions, config: Path) -> None:
    start(revisions, config, A)
    enter(revisions, B, "shadow")
    enter(revisions, C, "canary")
    edition = start(revisions, config, A)
    assert edition.shadow is not None
    assert edition.canary is not None
    assert (edition.shadow.revision, edition.canary.sealed.revision) == (revision_of(B), revision_of(C))
    assert edition.canary.share == 10.0


def test_a_candidate_that_cannot_be_used_any_more_is_taken_back_with_the_reason(
    revisions: Revisions, config: Path
) -> None:
    start(revisions, config, A)
    enter(revisions, text("b", secret="MISSING"), "shadow")
    assert start(revisions, config, A).shadow is None
    assert revisions.standing().shadow is None
    assert "MISSING is not set" in revisions.history(1)[0].note


def test_an_active_revision_that_cannot_be_used_stops_the_start(revisions: Revisions, config: Path) -> None:
    start(revisions, config, A)
    enter(revisions, text("b", secret="MISSING"))
    said = Activation(revisions, config, ENVIRON).begin(loaded(A, config), 3.0)
    assert isinstance(said, tuple)
    assert "MISSING is not set" in str(said[0])


def test_a_revision_that_this_release_names_otherwise_is_entered_under_its_new_name(
    revisions: Revisions, config: Path
) -> None:
    start(revisions, config, A)
    revisions.enter(Change(slot="active", revision="0" * 16, at=2.0, author="ann", origin="command"), B)
    edition = start(revisions, config, A)
    standing = revisions.standing().active
    assert standing is not None
    assert edition.active.revision == standing.revision == revision_of(B)
    assert standing.note == f"{'0' * 16}, as this release reads it"


def test_what_was_asked_of_a_gateway_that_ended_is_refused(revisions: Revisions, config: Path) -> None:
    start(revisions, config, A)
    asked = Change(slot="active", revision=revision_of(B), at=2.0, author="", origin="command", status="requested")
    number = revisions.enter(asked, B)
    assert start(revisions, config, A).active.revision == revision_of(A)
    answered = revisions.get(number)
    assert answered is not None
    assert answered.status == "refused"


def test_sealed_revisions_are_taken_over_and_not_read_again(revisions: Revisions, config: Path) -> None:
    edition = start(revisions, config, A)
    enter(revisions, B, "shadow")
    later = Activation(revisions, config, ENVIRON).edition(edition, 9.0)
    assert later.active is edition.active
    assert later.started is edition.started
    assert later.shadow is not None
    assert later.at == 9.0
