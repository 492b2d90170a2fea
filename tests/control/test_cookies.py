import pytest
from starlette.requests import Request
from starlette.responses import Response

from guardhouse.control.cookies import Cookie


def header_of(cookie: Cookie, value: str, seconds: int) -> str:
    response = Response()
    cookie.set(response, value, seconds)
    return response.headers["set-cookie"]


def request(*headers: bytes) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", header) for header in headers]})


def test_by_https_its_name_says_so_and_it_goes_over_nothing_else() -> None:
    said = header_of(Cookie("a", "https://gateway.example"), "x", 60)
    assert said.startswith("__Host-a=x;")
    assert {"HttpOnly", "Secure", "Max-Age=60", "Path=/", "SameSite=lax"} <= set(said.split("; "))
    assert "Domain" not in said


def test_by_http_it_is_an_ordinary_one() -> None:
    said = header_of(Cookie("a", "http://127.0.0.1:9"), "x", 60)
    assert said.startswith("a=x;")
    assert "Secure" not in said
    assert {"HttpOnly", "SameSite=lax"} <= set(said.split("; "))


def test_what_is_cleared_ends_at_once() -> None:
    response = Response()
    Cookie("a", "https://gateway.example").clear(response)
    assert 'a="";' in response.headers["set-cookie"]
    assert "Max-Age=0" in response.headers["set-cookie"]


@pytest.mark.parametrize(
    ("headers", "values"),
    [
        ((), []),
        ((b"a=1",), ["1"]),
        ((b"b=0; a=1", b"a=2; aa=3"), ["1", "2"]),
        ((b"a=1=2;a=",), ["1=2", ""]),
        ((b"__Host-a=1; A=2",), []),
    ],
)
def test_every_value_under_its_name_is_found(headers: tuple[bytes, ...], values: list[str]) -> None:
    assert Cookie("a", "http://127.0.0.1:9").values(request(*headers)) == values
