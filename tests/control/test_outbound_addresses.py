"""Whoever is asked over the network is asked at an address that was looked at, and verified by name all the same."""

import asyncio

import httpx
import pytest

from guardhouse.control.outbound import Guarded, OutboundError

Asked = list[tuple[str, str, str]]


class Recorded(httpx.AsyncBaseTransport):
    """What goes to the network: address, the host that is asked for, and the name that is verified."""

    def __init__(self) -> None:
        self.asked: Asked = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        verified = str(request.extensions["sni_hostname"])
        self.asked.append((request.url.host, request.headers["host"], verified))
        return httpx.Response(302, headers={"location": "https://169.254.169.254/"})

    async def aclose(self) -> None:
        self.closed = True


def ask(url: str, *answers: list[str]) -> tuple[Recorded, list[str]]:
    """Ask once for each of the resolver's answers."""
    inner, names = Recorded(), list[str]()

    async def resolve(host: str, port: int) -> list[str]:
        names.append(f"{host}:{port}")
        return answers[len(names) - 1]

    async def run() -> None:
        async with httpx.AsyncClient(transport=Guarded(inner, resolve), follow_redirects=False) as client:
            for _ in answers:
                await client.get(url)

    asyncio.run(run())
    return inner, names


def test_the_address_that_was_judged_is_asked_under_the_name_that_was_meant() -> None:
    inner, names = ask("https://issuer.example/keys", ["127.0.0.1", "8.8.8.8"])
    assert inner.asked == [("8.8.8.8", "issuer.example", "issuer.example")]
    assert names == ["issuer.example:443"]
    assert inner.closed


@pytest.mark.parametrize("address", ["10.0.0.5", "fd12::5"])
def test_a_provider_of_the_own_network_may_be_private(address: str) -> None:
    assert ask("https://issuer.example:8443/", [address])[0].asked[0][0] == address


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0", "::ffff:127.0.0.1", "fe80::1"])
def test_a_name_that_leads_to_this_machine_or_its_link_is_not_gone_to(address: str) -> None:
    with pytest.raises(OutboundError, match="never connected to"):
        ask("https://issuer.example/", [address])


def test_a_name_that_means_something_else_at_the_second_look_is_looked_at_again() -> None:
    with pytest.raises(OutboundError, match="never connected to"):
        ask("https://issuer.example/", ["8.8.8.8"], ["169.254.169.254"])


def test_what_was_written_out_is_asked() -> None:
    assert ask("http://127.0.0.1:8080/", ["127.0.0.1"])[0].asked[0][0] == "127.0.0.1"
