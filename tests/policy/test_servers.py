"""Whom the rules let have a use; where that is nobody, the refusal names a control that is to blame by itself."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.dialect import DialectName
from guardhouse.model.reason import Reason
from guardhouse.policy.servers import bars, reason_for_none, serving
from guardhouse.policy.snapshot import Model, Target
from guardhouse.residency.bounds import Bounds, Leaving

DIALECT, ROUTE = Reason.DIALECT_UNSUPPORTED, Reason.NO_TARGET_LEFT
REGION, CONTENT = Reason.REGION_DENIED, Reason.CONTENT_UNREADABLE
ORDER = (CONTENT, REGION, ROUTE, DIALECT)
NAMES = ("a", "b", "c")
OLLAMA: frozenset[DialectName] = frozenset({"ollama"})
OPENAI: frozenset[DialectName] = frozenset({"openai"})

names = st.frozensets(st.sampled_from(NAMES))
routes = st.none() | names


@st.composite
def bounds(draw: st.DrawFn) -> Bounds | None:
    if draw(st.booleans()):
        return None
    targets = draw(names)
    leaving = {name: Leaving(entities=1) for name in draw(names) & targets}
    return Bounds(within=(), by=(), targets=targets, leaving=leaving)


def model_of(speaking: frozenset[str]) -> Model:
    targets = [
        Target(
            name=name,
            kind="openai",
            speaks=OPENAI if name in speaking else OLLAMA,
            scheme="http",
            host="127.0.0.1",
            port=9,
        )
        for name in NAMES
    ]
    return Model(name="m", targets=tuple(targets), upstream_name="m")


@given(names, routes, bounds(), st.booleans())
def test_nothing_is_in_the_way_of_those_that_serve_and_something_of_all_others(
    speaking: frozenset[str], route: frozenset[str] | None, bound: Bounds | None, opaque: bool
) -> None:
    model = model_of(speaking)
    served = [
        target.name
        for target in serving(model, "openai", route)
        if bound is None or (target.name in bound.targets and not (opaque and target.name in bound.leaving))
    ]
    free = [target.name for target in model.targets if not bars(target, "openai", route, bound, opaque=opaque)]
    assert served == free


def test_without_a_dialect_it_is_of_no_account_what_a_server_speaks() -> None:
    (target, *_) = model_of(frozenset()).targets
    assert bars(target, None, None, None, opaque=False) == ()
    assert bars(target, "openai", None, None, opaque=False) == (DIALECT,)


barred = st.lists(st.frozensets(st.sampled_from(ORDER), min_size=1), min_size=1, max_size=3)


@given(barred)
def test_the_reason_is_a_control_that_lifted_alone_would_leave_a_server(found: list[frozenset[Reason]]) -> None:
    reason = reason_for_none([tuple(bars) for bars in found])
    alone = [control for control in ORDER if any(bars == {control} for bars in found)]
    assert reason in chain.from_iterable(found)
    if alone:
        assert reason is alone[0]


def test_where_none_is_to_blame_alone_it_is_the_first_that_leaves_none() -> None:
    assert reason_for_none([(DIALECT, REGION), (DIALECT, ROUTE)]) is DIALECT
    assert reason_for_none([(DIALECT, REGION), (ROUTE, REGION)]) is ROUTE
    assert reason_for_none([(DIALECT, ROUTE), (REGION, CONTENT)]) is REGION
