"""In which order model servers are asked."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.path.choosing import Targets, ordered
from guardhouse.policy.resilience import Choosing
from guardhouse.policy.snapshot import Target

STICKY = Choosing(how="sticky")
WEIGHTED = Choosing(how="weighted")
LEAST = Choosing(how="least_pending")


def servers(*weights: int) -> Targets:
    return tuple(
        Target(name=f"t{number}", kind="openai", scheme="http", host="127.0.0.1", port=8000 + number, weight=weight)
        for number, weight in enumerate(weights)
    )


def names(targets: Targets) -> list[str]:
    return [target.name for target in targets]


WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=6)


@given(WEIGHTS, st.sampled_from([STICKY, WEIGHTED, LEAST]), st.binary(max_size=64), st.randoms(use_true_random=False))
def test_every_target_is_in_the_order_once(weights: list[int], how: Choosing, session: bytes, chance: Random) -> None:
    targets = servers(*weights)
    pending = [chance.randrange(5) for _ in targets]
    order = ordered(how, targets, pending, session, [chance.random() for _ in targets])
    assert sorted(names(order)) == sorted(names(targets))


@given(WEIGHTS, st.binary(min_size=1, max_size=64), st.integers(0, 5))
def test_a_target_that_is_lost_moves_only_its_own_sessions(weights: list[int], session: bytes, lost: int) -> None:
    targets = servers(*weights)
    order = ordered(STICKY, targets, [0] * len(targets), session, [0.5] * len(targets))
    gone = targets[lost % len(targets)]
    left = tuple(target for target in targets if target is not gone)
    again = ordered(STICKY, left, [0] * len(left), session, [0.1] * len(left))
    assert list(again) == [target for target in order if target is not gone]


def test_sessions_are_spread_by_weight() -> None:
    targets = servers(1, 3)
    counted = Counter(
        ordered(STICKY, targets, [0, 0], f"session-{number}".encode(), [0.5, 0.5])[0].name for number in range(4000)
    )
    assert 2850 < counted["t1"] < 3150


def test_requests_are_spread_by_weight() -> None:
    targets, chance = servers(1, 4), Random(1)
    counted = Counter(
        ordered(WEIGHTED, targets, [0, 0], b"", [chance.random(), chance.random()])[0].name for _ in range(5000)
    )
    assert 3850 < counted["t1"] < 4150


@given(WEIGHTS, st.data())
def test_the_least_busy_for_its_weight_comes_first(weights: list[int], data: st.DataObject) -> None:
    targets = servers(*weights)
    pending = data.draw(st.lists(st.integers(0, 50), min_size=len(targets), max_size=len(targets)))
    order = ordered(LEAST, targets, pending, b"", [0.5] * len(targets))
    load = {target.name: (count + 1) / target.weight for target, count in zip(targets, pending, strict=True)}
    assert [load[name] for name in names(order)] == sorted(load.values())
