"""The report's arithmetic: medians, spreads, nearest-rank percentiles, ratios inside a round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.arithmetic import Spread, percentile, ratios, spread

FIGURES = st.lists(st.floats(min_value=0.001, max_value=1e9), min_size=1, max_size=50)


def test_a_spread_is_the_median_with_the_lowest_and_the_highest() -> None:
    assert spread([5.0, 1.0, 3.0]) == Spread(median=3.0, low=1.0, high=5.0)


def test_an_even_number_of_rounds_has_the_mean_of_the_middle_two() -> None:
    assert spread([1.0, 2.0, 4.0, 9.0]).median == 3.0


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1), (0.001, 1)])
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


@given(FIGURES, st.floats(min_value=0, max_value=1))
def test_a_percentile_is_one_of_the_values_and_enough_of_them_do_not_exceed_it(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


@given(FIGURES)
def test_a_ratio_to_oneself_is_one_in_every_round(values: list[float]) -> None:
    assert ratios(values, values) == [1.0] * len(values)


def test_a_round_without_both_figures_has_no_ratio() -> None:
    assert ratios([2.0, None, 6.0, 8.0], [1.0, 1.0, None]) == [2.0]
