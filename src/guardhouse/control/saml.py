"""Signing people in by SAML 2.0 (web browser SSO, HTTP-Redirect there, HTTP-POST back): the service provider's part.

Loaded only where the configuration names such a provider, since its library is large. An answer counts if its form is
the only one that is taken (saml_form.py), the library finds it signed by a certificate of the provider's metadata, for
this end, timely, and an answer to the very request that the browser was sent away with; and no assertion counts twice.
Its attributes are then read by the same rules as the claims of a token (identity/claims.py).

Judging takes a process of xmlsec1, so it is done in a thread, a few at a time. The library logs what it reads; here it
is kept quiet, because that may be content.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import shutil
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_TRANSIENT

from guardhouse.control.oidc_code import Begun
from guardhouse.control.saml_form import MOST_BYTES, fault_in
from guardhouse.identity import claims
from guardhouse.identity.flaw import Flaw
from guardhouse.identity.issuers import Claims, Issuer, Requirement
from guardhouse.identity.pkce import random_text
from guardhouse.model.principal import Principal
from guardhouse.policy.sections.people import XMLSEC
from guardhouse.policy.settings import Assertions, Provider

SKEW = 30  # seconds that clocks may differ
_AT_ONCE = 2  # answers that are judged
_MOST_USED = 10_000
_US = "here"

_log = logging.getLogger("saml2")
_log.addHandler(logging.NullHandler())
_log.propagate = False


class SamlUnusable(Exception):  # noqa: N818 - it names the state of the metadata
    """The metadata of a provider cannot be used."""


class Saml:
    """One provider. `base`: the URL below which its answers come back."""

    def __init__(self, name: str, provider: Provider, base: str) -> None:
        self._name = name
        self._provider = provider
        self._reading = _reading(name, provider)
        self._used: dict[str, float] = {}  # ids of assertions, until nobody would take them any more
        self._turns = asyncio.Semaphore(_AT_ONCE)
        config = _config(provider, base)
        self.metadata: str = str(entity_descriptor(config))
        self._client = Saml2Client(config=config)
        self._entity = _entity(self._client, name)

    def __repr__(self) -> str:
        return f"<Saml of {self._name}>"

    async def begin(self) -> tuple[str, Begun]:
        """Where to send the browser, and what to remember."""
        state = random_text()
        request, told = self._client.prepare_for_authenticate(
            entityid=self._entity, relay_state=state, binding=BINDING_HTTP_REDIRECT, response_binding=BINDING_HTTP_POST
        )
        return dict(told["headers"])["Location"], Begun(state, request, "")

    async def finish(self, begun: Begun, given: Mapping[str, str], now: float) -> Principal | str:
        """Who has signed in, or why nobody has, in words for the operator."""
        if not hmac.compare_digest(given.get("RelayState", "").encode(), begun.state.encode()):
            return "the state is not the one that was sent"
        content = _decoded(given.get("SAMLResponse", ""))
        fault = "is not base64, or too large" if content is None else fault_in(content)
        if content is None or fault is not None:
            return f"the response {fault}"
        async with self._turns:
            judged = await asyncio.to_thread(self._judged, content, begun.nonce)
        return judged if isinstance(judged, str) else self._principal(judged, content, now)

    def _judged(self, content: bytes, request: str) -> "_Assertion | str":
        encoded = base64.b64encode(content).decode("ascii")
        try:
            response = self._client.parse_authn_request_response(encoded, BINDING_HTTP_POST, {request: "/"})
            if response is None or response.in_response_to != request:
                return "the response is not to the request that was sent"
            return _assertion(response)
        except Exception as error:  # noqa: BLE001 - the library raises whatever its parts raise; each means no
            return f"the response is refused: {type(error).__name__}"

    def _principal(self, assertion: "_Assertion", content: bytes, now: float) -> Principal | str:
        if assertion.id in self._used:
            return "the assertion was used before"
        if assertion.transient and self._reading.claims.id == (_SUBJECT,):
            return "the NameID is transient; name an attribute as assertions.id"
        self._used = {used: ends for used, ends in self._used.items() if ends > now}
        if len(self._used) >= _MOST_USED:
            return "too many people sign in at once"
        told = {
            **assertion.attributes,
            _SUBJECT: assertion.subject,
            _CONTEXT: assertion.context,
            "aud": _US,
            "exp": assertion.ends,
            "jti": assertion.id,
        }
        found = claims.identified(told, self._reading, hashlib.sha256(content).digest(), now)
        if isinstance(found, Flaw):
            return f"the assertion is refused: {found.name.lower()}"
        self._used[assertion.id] = assertion.ends + 2 * SKEW
        return msgspec.structs.replace(found, method="token", expires_at=None)


_SUBJECT, _CONTEXT = "\x00subject", "\x00context"  # no attribute is called so


class _Assertion(msgspec.Struct, frozen=True):
    id: str
    subject: str
    transient: bool
    context: str
    attributes: dict[str, Any]
    ends: float


def _assertion(response: Any) -> _Assertion:
    ended = response.not_on_or_after or time.time() + SKEW
    contexts = [told[0] for told in response.authn_info()]
    return _Assertion(
        id=response.assertion.id,
        subject=response.name_id.text.strip(),
        transient=response.name_id.format == NAMEID_FORMAT_TRANSIENT,
        context=contexts[0] if len(contexts) == 1 else "",
        attributes={f"a:{name}": values for name, values in response.ava.items()},
        ends=float(ended),
    )


def _reading(name: str, provider: Provider) -> Issuer:
    """The rules by which attributes become a principal, as if they were claims of an issuer."""
    named = provider.assertions or Assertions()

    def place(attribute: str | None) -> tuple[str] | None:
        return None if attribute is None else (f"a:{attribute}",)

    return Issuer(
        name=name,
        issuer=name,
        audience=(_US,),
        prefix=f"{name}:",
        skew=SKEW,
        claims=Claims(
            id=place(named.id) or (_SUBJECT,),
            groups=place(named.groups),
            roles=place(named.roles),
            team=place(named.team),
            tier=place(named.tier),
            attributes={ours: (f"a:{theirs}",) for ours, theirs in named.attributes.items()},
        ),
        strong=(Requirement((_CONTEXT,), provider.strong),) if provider.strong else (),
    )


def _config(provider: Provider, base: str) -> SPConfig:
    return SPConfig().load(
        {
            "entityid": f"{base}/metadata",
            "xmlsec_binary": shutil.which(XMLSEC),
            "accepted_time_diff": SKEW,
            "allow_unknown_attributes": True,
            "metadata": {"local": [str(provider.metadata)]},
            "service": {
                "sp": {
                    "endpoints": {"assertion_consumer_service": [(f"{base}/answer", BINDING_HTTP_POST)]},
                    "allow_unsolicited": False,
                    "authn_requests_signed": False,
                    "want_assertions_signed": True,
                    "want_response_signed": False,
                }
            },
        }
    )


def _entity(client: Saml2Client, name: str) -> str:
    found = list(client.metadata.with_descriptor("idpsso"))
    if len(found) != 1:
        raise SamlUnusable(f"admin.people.{name}.metadata: describes {len(found)} identity providers, not one")
    entity: str = found[0]
    return entity


def _decoded(text: str) -> bytes | None:
    """Base64 as forms carry it, in lines or in one piece."""
    if len(text) > 2 * MOST_BYTES:
        return None
    try:
        return base64.b64decode("".join(text.split()).encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
