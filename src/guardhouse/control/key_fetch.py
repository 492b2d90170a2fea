"""Asks an issuer of tokens for its keys, once: discovery if need be, then the key set. The only place that does.

An answer is whatever somebody on the network sends, so all of it is bounded: its size, the time for everything, no
redirects, and https (or loopback) for the key set that a discovery document names. The document has to be of the
issuer that was configured, else one issuer could bring in the keys of another. What is wrong is returned as words for
the operator, and nothing of an answer is repeated in them.

The bearer token for an API server is read anew each time, since those are replaced while they run, and goes only to the
host that the configuration names.
"""

import asyncio
import ssl

import httpx

from guardhouse.identity.issuers import Issuer
from guardhouse.identity.jwks import MOST_BYTES, PublicKey, read_key_set
from guardhouse.model.denial import Denial
from guardhouse.policy.network import is_loopback
from guardhouse.wire import json

PATIENCE = 10.0  # seconds for all of it
_MOST_TOKEN = 16 * 1024


class _FailedError(Exception):
    """The keys could not be had; the message says why."""


async def fetch_keys(issuer: Issuer) -> tuple[PublicKey, ...] | str:
    """The issuer's usable keys now, or why there are none to be had."""
    try:
        if issuer.source.jwks_file is not None:
            found = read_key_set(_read(issuer))
        else:
            async with asyncio.timeout(PATIENCE):
                found = read_key_set(await _fetch(issuer))
    except TimeoutError:
        return f"gave no answer within {PATIENCE:.0f} s"
    except _FailedError as failed:
        return str(failed)
    except ssl.SSLError:
        return "keys.authorities holds no usable certificates"
    except httpx.HTTPError as error:
        return f"cannot be asked: {type(error).__name__}"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return f"the key set {found}" if isinstance(found, str) else found


def _read(issuer: Issuer) -> bytes:
    assert issuer.source.jwks_file is not None
    with issuer.source.jwks_file.open("rb") as file:
        return file.read(MOST_BYTES + 1)


async def _fetch(issuer: Issuer) -> bytes:
    source = issuer.source
    context = ssl.create_default_context(cafile=source.authorities) if source.authorities else True
    async with httpx.AsyncClient(verify=context, follow_redirects=False, trust_env=False, timeout=PATIENCE) as client:
        if source.jwks is not None:
            return await _get(client, source.jwks, _credential(issuer))
        assert source.discovery is not None
        document = await _get(client, source.discovery, _credential(issuer))
        url = _key_set_url(document, issuer)
        same_host = httpx.URL(url).netloc == httpx.URL(source.discovery).netloc
        return await _get(client, url, _credential(issuer) if same_host else {})


def _credential(issuer: Issuer) -> dict[str, str]:
    if issuer.source.token_file is None:
        return {}
    with issuer.source.token_file.open("rb") as file:
        token = file.read(_MOST_TOKEN).decode("latin-1").strip()
    if not token.isascii() or not token.isprintable():
        raise _FailedError("keys.token_file does not hold a bearer token")
    return {"authorization": f"Bearer {token}"}


async def _get(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> bytes:
    content = bytearray()
    asked = {"accept": "application/json", "accept-encoding": "identity", **headers}
    async with client.stream("GET", url, headers=asked) as answer:
        if answer.status_code != 200:
            raise _FailedError(f"answered with status {answer.status_code}")
        async for part in answer.aiter_raw():
            content += part
            if len(content) > MOST_BYTES:
                raise _FailedError(f"sent more than {MOST_BYTES // 1024} KiB")
    return bytes(content)


def _key_set_url(content: bytes, issuer: Issuer) -> str:
    decoded = json.decode(content)
    document = None if isinstance(decoded, Denial) else decoded[0]
    if not isinstance(document, dict):
        raise _FailedError("the discovery document is not strict JSON")
    if document.get("issuer") != issuer.issuer:
        raise _FailedError("the discovery document is of another issuer")
    url = document.get("jwks_uri")
    try:
        parsed = httpx.URL(url if isinstance(url, str) else "")
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.userinfo or not (parsed.scheme == "https" or (parsed.scheme == "http" and is_loopback(parsed.host))):
        raise _FailedError("the discovery document names no key set that can be fetched safely")
    return str(parsed)
