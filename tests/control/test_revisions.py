"""The history decides what is in force; nothing in it is ever rewritten."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.control.revisions import Change, Origin, Revisions, Slot, before
from guardhouse.control.store import Store

A, B, C = "a" * 16, "b" * 16, "c" * 16


@pytest.fixture
def revisions(tmp_path: Path) -> Iterator[Revisions]:
    store = Store(tmp_path / "store.sqlite")
    yield Revisions(store.engine)
    store.close()


def change(
    revision: str | None, slot: Slot = "active", origin: Origin = "command", share: float | None = None
) -> Change:
    return Change(slot=slot, revision=revision, share=share, at=1.0, author="ann", origin=origin, note="why")


def enter(revisions: Revisions, *changes: Change) -> None:
    for one in changes:
        revisions.enter(one, b"version: 1")


def held(revisions: Revisions) -> tuple[str | None, str | None, str | None]:
    standing = revisions.standing()
    slots = (standing.active, standing.shadow, standing.canary)
    active, shadow, canary = (None if slot is None else slot.revision for slot in slots)
    return active, shadow, canary


def test_nothing_is_in_force_before_the_first_change(revisions: Revisions) -> None:
    assert held(revisions) == (None, None, None)
    assert revisions.previous() is None


def test_the_latest_change_of_each_slot_is_in_force(revisions: Revisions) -> None:
    enter(revisions, change(A), change(B), change(C, "shadow"), change(A, "canary", share=5.0))
    assert held(revisions) == (B, C, A)
    canary = revisions.standing().canary
    assert canary is not None
    assert (canary.share, canary.author, canary.note) == (5.0, "ann", "why")


def test_a_slot_is_emptied_by_a_change_of_its_own(revisions: Revisions) -> None:
    enter(revisions, change(A), change(B, "shadow"), change(None, "shadow"))
    assert held(revisions) == (A, None, None)
    assert [one.revision for one in revisions.history(10)] == [None, B, A]


def test_a_candidate_that_becomes_active_is_no_candidate_any_more(revisions: Revisions) -> None:
    enter(revisions, change(A), change(B, "canary", share=10.0), change(B, "shadow"), change(B))
    assert held(revisions) == (B, None, None)
    enter(revisions, change(C))
    assert held(revisions) == (C, None, None), "and does not come back"


def test_a_rollback_leaves_nobody_under_a_canary_and_the_shadow_alone(revisions: Revisions) -> None:
    enter(revisions, change(A), change(B), change(C, "canary", share=10.0), change(C, "shadow"))
    enter(revisions, change(A, origin="rollback"))
    assert held(revisions) == (A, C, None)


def test_a_request_changes_nothing_until_it_is_accepted(revisions: Revisions) -> None:
    enter(revisions, change(A))
    number = revisions.enter(Change(slot="active", revision=B, at=2.0, author="", origin="command", status="requested"))
    assert held(revisions) == (A, None, None)
    assert [one.number for one in revisions.requested()] == [number]
    assert revisions.accept(number)
    assert held(revisions) == (B, None, None)
    assert revisions.requested() == []


def test_a_refused_request_says_why_and_stays_refused(revisions: Revisions) -> None:
    number = revisions.enter(Change(slot="active", revision=B, at=2.0, author="", origin="command", status="requested"))
    revisions.refuse(number, "no such secret")
    assert not revisions.accept(number)
    answered = revisions.get(number)
    assert answered is not None
    assert (answered.status, answered.said) == ("refused", "no such secret")
    assert held(revisions) == (None, None, None)


def test_a_request_that_was_overtaken_is_refused(revisions: Revisions) -> None:
    number = revisions.enter(Change(slot="active", revision=B, at=2.0, author="", origin="command", status="requested"))
    enter(revisions, change(C))
    assert not revisions.accept(number)
    assert held(revisions) == (C, None, None)


def test_a_content_is_kept_as_it_was_first_written(revisions: Revisions) -> None:
    revisions.enter(change(A), b"# one\nversion: 1")
    revisions.enter(change(A), b"# two\nversion: 1")
    assert revisions.source(A) == b"# one\nversion: 1"
    assert revisions.source(B) is None


def test_a_shortened_revision_means_those_that_begin_with_it(revisions: Revisions) -> None:
    enter(revisions, change("ab1"), change("ab2"), change("b%1"))
    assert revisions.beginning_with("ab") == ["ab1", "ab2"]
    assert revisions.beginning_with("ab2") == ["ab2"]
    assert revisions.beginning_with("%") == []


def test_a_file_is_news_when_it_holds_something_else_than_when_it_was_read(revisions: Revisions) -> None:
    assert revisions.is_news("/a", b"one")
    revisions.note_read("/a", b"one")
    assert not revisions.is_news("/a", b"one")
    assert revisions.is_news("/a", b"two")
    assert revisions.is_news("/b", b"one")
    revisions.note_read("/a", b"two")
    assert revisions.is_news("/a", b"one")


@pytest.mark.parametrize(
    ("changes", "leads_to"),
    [
        ([], None),
        ([change(A)], None),
        ([change(A), change(B)], A),
        ([change(A), change(B), change(B)], A),
        ([change(A), change(B), change(C)], B),
        ([change(A), change(B), change(C), change(B, origin="rollback")], A),
        ([change(A), change(B), change(A, origin="rollback")], None),
        ([change(A), change(B), change(A, origin="rollback"), change(C)], A),
        ([change(A), change(B), change(C, origin="rollback")], B),
    ],
)
def test_rolling_back_undoes_step_by_step(changes: list[Change], leads_to: str | None) -> None:
    assert before(changes) == leads_to


@given(st.lists(st.sampled_from("abcd"), min_size=1))
def test_rolling_back_again_and_again_ends_at_the_first_revision_and_never_repeats_one_that_was_left(
    activated: list[str],
) -> None:
    changes = [change(revision) for revision in activated]
    steps = 0
    while (revision := before(changes)) is not None:
        assert revision != changes[-1].revision
        changes.append(change(revision, origin="rollback"))
        steps += 1
        assert steps < len(activated)
    assert changes[-1].revision == activated[0]
