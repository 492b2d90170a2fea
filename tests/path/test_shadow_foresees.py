"""What a shadow says of a request is what the path would do with it: each policy here is tried beside another one, and
put in force by itself, and both say the same of every request."""

from pathlib import Path

import pytest
from playbook import Play, chat, perform, post
from trials import BASE, PASSED, TRIED, loaded, played

from guardhouse.path.shadow import COMPARED


@pytest.mark.parametrize("tried", TRIED)
def test_what_is_foreseen_is_what_happens(tmp_path: Path, tried: str) -> None:
    before, after = played(tmp_path / "before", BASE, TRIED[tried]), played(tmp_path / "after", TRIED[tried], BASE)
    assert any(shadow is not None for _, shadow in before.values())
    for name, (refused, shadow) in before.items():
        would, backwards = after[name]
        if refused == would:
            assert shadow is None or shadow["would"] == "change", name
            assert backwards is None or backwards["would"] == "change", name
        else:
            expected = "allow" if not would else "change" if refused else "deny"
            assert (shadow["would"], shadow.get("reason", "")) == (expected, would), name
            expected = "allow" if not refused else "change" if would else "deny"
            assert (backwards["would"], backwards.get("reason", "")) == (expected, refused), name


def test_the_policies_that_are_tried_refuse_for_every_reason_that_can_be_foreseen(tmp_path: Path) -> None:
    reasons = set[str]()
    for number, config in enumerate(TRIED.values()):
        reasons |= {refused for refused, _ in played(tmp_path / str(number), config, None).values()}
    assert reasons == {PASSED, *(reason.code for reason in COMPARED)}


@pytest.mark.parametrize("tried", TRIED)
def test_what_is_rehearsed_leaves_the_request_as_it_is(tmp_path: Path, tried: str) -> None:
    async def scene(play: Play) -> None:
        play.plane.shadow = loaded(TRIED[tried]).snapshot
        document = chat("hello", temperature=1.5, max_tokens=100_000, seed=1)
        await play.say(post(document))
        assert play.server.document() == document

    perform(tmp_path, scene, config=BASE)
