"""Asks an issuer of tokens for its keys, once: discovery if need be, then the key set. The only place that does.

An answer is whatever somebody on the network sends, so all of it is bounded: its size, the time for everything, no
redirects, and https (or loopback) for the key set that a discovery document names. The document has to be of the
issuer that was configured, else one issuer could bring in the keys of another. What is wrong is returned as words for
the operator, and nothing of an answer is repeated in them.

The bearer token for an API server is read anew each time, since those are replaced while they run, and goes only to the
host that the configuration names.
"""

import httpx

from guardhouse.control import outbound
from guardhouse.control.outbound import OutboundError
from guardhouse.identity.issuers import Issuer
from guardhouse.identity.jwks import MOST_BYTES, PublicKey, read_key_set

_MOST_TOKEN = 16 * 1024


async def fetch_keys(issuer: Issuer) -> tuple[PublicKey, ...] | str:
    """The issuer's usable keys now, or why there are none to be had."""
    try:
        found = read_key_set(await _fetch(issuer) if issuer.source.jwks_file is None else _read(issuer))
    except OutboundError as failed:
        return str(failed)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return f"the key set {found}" if isinstance(found, str) else found


def _read(issuer: Issuer) -> bytes:
    assert issuer.source.jwks_file is not None
    with issuer.source.jwks_file.open("rb") as file:
        return file.read(MOST_BYTES + 1)


async def _fetch(issuer: Issuer) -> bytes:
    source = issuer.source
    async with outbound.client(source.authorities) as asking:
        if source.jwks is not None:
            return await outbound.get(asking, source.jwks, _credential(issuer))
        assert source.discovery is not None
        url = _key_set_url(await outbound.get(asking, source.discovery, _credential(issuer)), issuer)
        same_host = httpx.URL(url).netloc == httpx.URL(source.discovery).netloc
        return await outbound.get(asking, url, _credential(issuer) if same_host else {})


def _credential(issuer: Issuer) -> dict[str, str]:
    if issuer.source.token_file is None:
        return {}
    with issuer.source.token_file.open("rb") as file:
        token = file.read(_MOST_TOKEN).decode("latin-1").strip()
    if not token.isascii() or not token.isprintable():
        raise OutboundError("keys.token_file does not hold a bearer token")
    return {"authorization": f"Bearer {token}"}


def _key_set_url(content: bytes, issuer: Issuer) -> str:
    document = outbound.read_object(content, "discovery document")
    if document.get("issuer") != issuer.issuer:
        raise OutboundError("the discovery document is of another issuer")
    url = document.get("jwks_uri")
    if not isinstance(url, str) or not outbound.is_safe_url(url):
        raise OutboundError("the discovery document names no key set that can be fetched safely")
    return str(httpx.URL(url))
