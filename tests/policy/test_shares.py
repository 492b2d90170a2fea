from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.shares import Shares

NAMES = st.text(max_size=40)


@given(NAMES, NAMES)
def test_a_position_is_between_0_and_100_and_the_same_for_everybody_with_the_key(of: str, principal: str) -> None:
    position = Shares(b"k" * 32).position(of, principal)
    assert 0 <= position < 100
    assert Shares(b"k" * 32).position(of, principal) == position


def test_a_share_of_many_principals_is_about_as_large_as_it_says() -> None:
    shares = Shares(b"k" * 32)
    taken = sum(shares.position("canary", f"principal-{number}") < 10 for number in range(10_000))
    assert 900 < taken < 1100


def test_another_key_or_another_purpose_gives_another_position() -> None:
    position = Shares(b"k" * 32).position("canary", "alice")
    assert Shares(b"l" * 32).position("canary", "alice") != position
    assert Shares(b"k" * 32).position("feature", "alice") != position


def test_the_key_is_not_shown() -> None:
    assert repr(Shares(b"k" * 32)) == "Shares(…)"
