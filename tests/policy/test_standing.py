import msgspec
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.rate import Rate
from guardhouse.policy.standing import Cap, Standing, Until, over

MOMENTS = st.floats(min_value=0, max_value=4e9, allow_nan=False)
UNTIL = st.none() | MOMENTS
NAMES = st.text(max_size=8)
CAPS = st.builds(Cap, st.builds(Rate, st.integers(1, 10**12), st.sampled_from([1.0, 60.0, 3600.0])), UNTIL)


@given(UNTIL, MOMENTS)
def test_only_an_end_that_has_come_is_over(until: Until, at: float) -> None:
    assert over(until, at) == (until is not None and at >= until)


@given(st.dictionaries(NAMES, UNTIL), st.dictionaries(NAMES, UNTIL), st.dictionaries(NAMES, CAPS))
def test_what_is_published_is_what_is_read(
    suspended: dict[str, Until], closed: dict[str, Until], capped: dict[str, Cap]
) -> None:
    standing = Standing(suspended=suspended, closed=closed, capped=capped)
    assert msgspec.json.decode(msgspec.json.encode(standing), type=Standing) == standing
