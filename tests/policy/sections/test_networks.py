import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.sections.networks import Atlas, parse_range

ATLAS = Atlas({"office": ("192.0.2.0/24", "2001:db8::/32"), "lab": ("192.0.2.128/25",), "one": ("10.0.0.1/32",)})


@pytest.mark.parametrize(
    ("client", "names"),
    [
        ("192.0.2.1", {"office"}),
        ("192.0.2.200", {"office", "lab"}),
        ("192.0.3.1", set()),
        ("2001:db8::7", {"office"}),
        ("2001:db9::7", set()),
        ("::ffff:192.0.2.1", {"office"}),
        ("2001:db8::7%eth0", {"office"}),
        ("10.0.0.1", {"one"}),
        ("", set()),
        ("localhost", set()),
    ],
)
def test_an_address_is_in_every_network_that_holds_it(client: str, names: set[str]) -> None:
    assert ATLAS.names_at(client) == names


@pytest.mark.parametrize("text", ["192.0.2.1/24", "192.0.2.0/33", "office", "", "192.0.2", "2001:db8::1/32"])
def test_a_range_has_no_bits_beyond_its_mask(text: str) -> None:
    assert parse_range(text) is None


def test_a_range_of_mapped_addresses_is_the_ipv4_range_it_means() -> None:
    assert parse_range("::ffff:192.0.2.0/120") == "192.0.2.0/24"


@given(st.ip_addresses())
def test_a_single_address_is_the_network_of_itself(address: object) -> None:
    text = parse_range(str(address))
    assert text is not None
    assert Atlas({"it": (text,)}).names_at(str(address)) == {"it"}


@given(st.text(max_size=20))
def test_no_text_breaks_the_atlas(text: str) -> None:
    assert ATLAS.names_at(text) <= {"office", "lab", "one"}
    assert parse_range(text) is None or parse_range(parse_range(text) or "") == parse_range(text)
