"""Asking identity providers over the network: the only place from which this process calls anybody.

An answer is whatever somebody on the network sends, so all of it is bounded: its size, the time for everything, no
redirects, no proxies from the environment. Failures are words for the operator, and nothing of an answer is repeated in
them. A provider names URLs as well, and names resolve to whatever their owner says: so the address is looked at before
it is connected to, by the rules that hold for model servers (model/addresses.py). Providers of the own network are
common and may be private; this machine, its link and what clouds hand out credentials at may not be named by a name.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from guardhouse.identity.jwks import MOST_BYTES
from guardhouse.model.addresses import objection
from guardhouse.model.denial import Denial
from guardhouse.policy.network import is_loopback
from guardhouse.wire import json
from guardhouse.wire.resolving import resolved

PATIENCE = 10.0  # seconds for all of it


Resolve = Callable[[str, int], Awaitable[list[str]]]


class OutboundError(Exception):
    """What was asked for could not be had; the message says why, to the operator."""


class Guarded(httpx.AsyncBaseTransport):
    """Resolves the name itself, looks at the address, and has that very address connected to."""

    def __init__(self, inner: httpx.AsyncBaseTransport, resolve: Resolve = resolved) -> None:
        self._inner = inner
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        addresses = await self._resolve(host, request.url.port or (443 if request.url.scheme == "https" else 80))
        allowed = [address for address in addresses if not objection(address, host, inside=True)]
        if not allowed:
            raise OutboundError("has an address that is never connected to for a name")
        request.url = request.url.copy_with(host=allowed[0])  # the header Host has been written already
        request.extensions = {**request.extensions, "sni_hostname": host}
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def client(authorities: Path | None) -> AsyncIterator[httpx.AsyncClient]:
    """For a few questions to one provider; whatever goes wrong with them is told as an `OutboundError`."""
    try:
        context = ssl.create_default_context(cafile=authorities) if authorities else True
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(
                transport=Guarded(httpx.AsyncHTTPTransport(verify=context, trust_env=False)),
                follow_redirects=False,
                trust_env=False,
                timeout=PATIENCE,
            ) as made,
        ):
            yield made
    except TimeoutError as error:
        raise OutboundError(f"gave no answer within {PATIENCE:.0f} s") from error
    except ssl.SSLError as error:
        raise OutboundError("keys.authorities holds no usable certificates") from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # the last from host names that are none
        raise OutboundError(f"cannot be asked: {type(error).__name__}") from error
    except OSError as error:
        raise OutboundError(f"cannot be read: {error.strerror}") from error


async def get(asking: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> bytes:
    async with asking.stream("GET", url, headers={**_ACCEPTED, **headers}) as answer:
        return await _content(answer)


async def post_form(
    asking: httpx.AsyncClient, url: str, form: Mapping[str, str], auth: httpx.BasicAuth | None
) -> bytes:
    async with asking.stream("POST", url, data=dict(form), headers=_ACCEPTED, auth=auth) as answer:
        return await _content(answer)


def read_object(content: bytes, what: str) -> dict[str, Any]:
    decoded = json.decode(content)
    document = None if isinstance(decoded, Denial) else decoded[0]
    if not isinstance(document, dict):
        raise OutboundError(f"the {what} is not strict JSON")
    return document


def is_safe_url(url: object) -> bool:
    """Whether a URL that a provider names may be gone to: https, or this machine."""
    try:
        parsed = httpx.URL(url if isinstance(url, str) else "")
        host = parsed.host
    except (httpx.InvalidURL, UnicodeError):
        return False
    return not parsed.userinfo and (parsed.scheme == "https" or (parsed.scheme == "http" and is_loopback(host)))


_ACCEPTED = {"accept": "application/json", "accept-encoding": "identity"}


async def _content(answer: httpx.Response) -> bytes:
    if answer.status_code != 200:
        raise OutboundError(f"answered with status {answer.status_code}")
    content = bytearray()
    async for part in answer.aiter_raw():
        content += part
        if len(content) > MOST_BYTES:
            raise OutboundError(f"sent more than {MOST_BYTES // 1024} KiB")
    return bytes(content)
