import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.network import ADDRESS_PATTERN, Url, is_loopback, parse_address, parse_url
from guardhouse.policy.settings import Address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("[::1]:0", "::1", 0),
        ("gateway.example:443", "gateway.example", 443),
        ("localhost:65535", "localhost", 65535),
    ],
)
def test_addresses_are_host_and_port(text: str, host: str, port: int) -> None:
    assert parse_address(text) == Address(host, port)
    assert parse_address(str(Address(host, port))) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "*:80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "::1:80",
        "[127.0.0.1]:80",
        "[]:80",
        "[::1%lo]:80",
        "127.1:80",
        "0x7f.1:80",
        "256.0.0.1:80",
        "a b:80",
        "-a:80",
        "a..b:80",
        "a_b:80",
        "127.0.0.1:8080 ",
        "1.2.3.4:٣",
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8000", Url(scheme="http", host="127.0.0.1", port=8000, path="")),
        ("https://models.example", Url(scheme="https", host="models.example", port=443, path="")),
        ("http://[::1]/", Url(scheme="http", host="::1", port=80, path="")),
        ("https://m.example:1/a/b-c/", Url(scheme="https", host="m.example", port=1, path="/a/b-c")),
    ],
)
def test_urls_are_taken_apart(text: str, url: Url) -> None:
    assert parse_url(text) == url


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "http://"),
        ("HTTP://a.example", "http://"),
        ("file:///etc/passwd", "http://"),
        ("a.example", "http://"),
        (" http://a.example", "http://"),
        ("http://user@a.example", "user name"),
        ("http://user:secret@a.example/x", "user name"),
        ("http://a.example@evil.example", "user name"),
        ("http://a.example?x", "query"),
        ("http://a.example/#f", "query"),
        ("http://", "host"),
        ("http:///x", "host"),
        ("http://a b", "host"),
        ("http://a.example\\evil", "host"),
        ("http://a.example:", "host"),
        ("http://a.example:x", "host"),
        ("http://ä.example", "host"),
        ("http://127.1", "host"),
        ("http://2130706433", "host"),
        ("http://[::1", "host"),
        ("http://a.example:0", "port"),
        ("http://a.example:65536", "port"),
        ("http://a.example/a//b", "path"),
        ("http://a.example/../x", "path"),
        ("http://a.example/%2e%2e/x", "path"),
        ("http://a.example/a b", "path"),
        ("http://a.example/x\t", "path"),
        ("http://a.example/v1", "/v1"),
        ("http://a.example/api/v1/", "/v1"),
    ],
)
def test_what_readers_of_urls_disagree_about_is_refused(text: str, part: str) -> None:
    outcome = parse_url(text)
    assert isinstance(outcome, str)
    assert part in outcome


def test_a_refusal_repeats_nothing_of_the_url() -> None:
    outcome = parse_url("http://user:pa55word@a.example")
    assert isinstance(outcome, str)
    assert "pa55word" not in outcome


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST", "localhost."])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.0.0.1.example"])
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


pieces = st.sampled_from(
    ["http", "https", "://", "a", ".", "1", "127.0.0.1", "[::1]", ":", "80", "/", "@", "?", "#", "\\", "%"]
)


@given(st.lists(pieces, max_size=10).map("".join) | st.text(max_size=20))
def test_a_url_that_is_taken_says_the_same_again(text: str) -> None:
    url = parse_url(text)
    if isinstance(url, Url):
        host = f"[{url.host}]" if ":" in url.host else url.host
        assert parse_url(f"{url.scheme}://{host}:{url.port}{url.path}") == url
        assert not set("@?#\\% ") & set(url.host + url.path)


@given(st.lists(pieces, max_size=6).map("".join) | st.text(max_size=20))
def test_an_address_that_is_taken_says_the_same_again(text: str) -> None:
    address = parse_address(text)
    assert address is None or parse_address(str(address)) == address
    assert address is None or re.fullmatch(ADDRESS_PATTERN, text)
