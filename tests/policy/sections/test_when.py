import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.problem import dotted
from guardhouse.policy.sections.when import Range, When, findings


@pytest.mark.parametrize(
    ("when", "places"),
    [
        (When(), [""]),
        (When(network=("a", "b"), not_network=("b",)), []),
        (When(network=("a",), not_network=("a",)), ["not_network"]),
        (When(time=("a", "b"), not_time=("b", "a", "c")), ["not_time"]),
        (When(size=Range()), ["size"]),
        (When(size=Range(at_least=2, at_most=1)), ["size"]),
        (When(size=Range(at_most=10)), []),
        (When(risk=Range(at_most=10)), ["risk"]),
        (When(risk=Range(at_least=0)), ["risk"]),
        (When(risk=Range(at_least=0, at_most=0)), []),
        (When(stream=False), []),
    ],
)
def test_what_always_or_never_holds_is_found(when: When, places: list[str]) -> None:
    assert [dotted(path) for path, _ in findings(when)] == places


def test_a_region_alone_is_known_without_a_request() -> None:
    assert not When(region=("eu",)).of_request
    assert When(region=("eu",), stream=False).of_request


figures = st.none() | st.integers(0, 20)


@given(figures, figures, st.integers(0, 20))
def test_both_ends_of_a_range_belong_to_it(least: int | None, most: int | None, figure: int) -> None:
    inside = figure >= (0 if least is None else least) and figure <= (20 if most is None else most)
    assert Range(at_least=least, at_most=most).holds(figure) == inside
