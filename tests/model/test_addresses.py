"""To which addresses may be connected when a name stands for them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.addresses import METADATA, RANGES, objection

NAME = "model.example"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("8.8.8.8", ""),
        ("2a00:1450:4001::1", ""),
        ("10.1.2.3", "private"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "private"),
        ("fd12::1", "private"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("169.254.1.1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "metadata"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("::127.0.0.1", "loopback"),
        ("::ffff:0:127.0.0.1", "loopback"),
        ("::ffff:0:a9fe:a9fe", "metadata"),
        ("fec0::1", "private"),
        ("fd20:ce::254", "metadata"),
        ("fd00:ec2::23", "metadata"),
        ("169.254.170.23", "metadata"),
        ("0x7f.1", "no address"),
        ("2130706433", "no address"),
        ("", "no address"),
    ],
)
def test_a_name_leads_to_public_addresses_only(address: str, why: str) -> None:
    assert objection(address, NAME) == why


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "::1", "169.254.1.1", "fd12::1"])
def test_what_the_operator_wrote_out_may_be_anywhere(address: str) -> None:
    assert objection(address, address) == ""
    assert objection("10.9.9.9", address) != ""


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "::"])
def test_some_places_are_never_connected_to(address: str) -> None:
    assert objection(address, address) != ""
    assert objection(address, NAME, ["0.0.0.0/0", "::/0"]) != ""


def test_localhost_is_this_machine_and_nothing_else() -> None:
    assert objection("127.0.0.1", "localhost") == ""
    assert objection("::1", "localhost.") == ""
    assert objection("10.0.0.1", "localhost") == "private"


def test_what_is_declared_is_all_that_there_is() -> None:
    assert objection("10.1.2.3", NAME, ["10.1.0.0/16"]) == ""
    assert objection("10.2.2.3", NAME, ["10.1.0.0/16"]) == "not declared"
    assert objection("8.8.8.8", NAME, ["private"]) == "not declared"
    assert objection("127.0.0.1", "localhost", ["private"]) == "not declared"
    assert objection("127.8.9.1", NAME, ["loopback"]) == ""
    assert objection("::ffff:10.1.2.3", NAME, ["10.0.0.0/8"]) == "not declared"  # the other form is not in it


def test_who_may_go_inside_may_not_go_to_this_machine() -> None:
    assert objection("10.1.2.3", NAME, inside=True) == ""
    assert objection("127.0.0.1", NAME, inside=True) == "loopback"
    assert objection("169.254.1.1", NAME, inside=True) == "link-local"


@given(st.ip_addresses())
def test_what_may_be_connected_to_is_public_or_declared(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    text = str(address)
    if objection(text, NAME) == "":
        assert address.is_global
        assert address not in METADATA
    mapped = f"::ffff:{text}" if address.version == 4 else text
    if objection(mapped, NAME) == "":
        assert objection(text, NAME) == ""
    for word, ranges in RANGES.items():
        inside = any(address in ipaddress.ip_network(each) for each in ranges)
        assert inside or objection(text, NAME, [word]) != ""
