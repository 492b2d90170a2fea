"""Who vouches for people at the admin port: the configured providers, each ready to send browsers away and back.

Their secrets are looked up here, by the only process that uses them. What SAML needs is imported when the configuration
names a provider that speaks it, and stays away otherwise: it is large, and not part of every installation.
"""

import importlib
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from guardhouse.control.oidc_code import Begun, OidcCode
from guardhouse.control.state import State
from guardhouse.model.principal import Principal
from guardhouse.model.secret import Secret
from guardhouse.policy.references import Reference, resolve
from guardhouse.policy.settings import Provider as Configured
from guardhouse.policy.settings import Settings


class ProviderUnusable(Exception):  # noqa: N818 - it names the state of the provider
    """A provider lacks something that it had when the configuration was loaded; the message is for the operator."""


class Provider(Protocol):
    """What signing in asks of a provider, whatever it speaks."""

    async def begin(self) -> tuple[str, Begun]: ...

    async def finish(self, begun: Begun, given: Mapping[str, str], now: float) -> Principal | str: ...


def providers_of(settings: Settings, state: State, origin: str) -> dict[str, Provider]:
    return {
        name: _saml(name, provider, f"{origin}/signin/{name}")
        if provider.issuer is None
        else OidcCode(
            settings.identity.issuers[provider.issuer],
            provider,
            _secret(name, provider.secret),
            f"{origin}/signin/{name}/callback",
            state,
        )
        for name, provider in settings.admin.people.items()
    }


def metadata_of(provider: Provider) -> str | None:
    """What a SAML provider has to know of this end."""
    found = getattr(provider, "metadata", None)
    return found if isinstance(found, str) else None


def _saml(name: str, provider: Configured, base: str) -> Provider:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library imports what others have moved; operators can do nothing about it
        module: Any = importlib.import_module("guardhouse.control.saml")
    try:
        made: Provider = module.Saml(name, provider, base)
    except Exception as error:  # the library raises whatever its parts raise; each means that metadata is no good
        raise ProviderUnusable(f"admin.people.{name}.metadata: cannot be used: {type(error).__name__}") from error
    return made


def _secret(name: str, reference: Reference | None) -> Secret | None:
    if reference is None:
        return None
    found = resolve(reference, Path("/"), os.environ)
    if not isinstance(found, Secret):
        raise ProviderUnusable(f"admin.people.{name}.secret: {found}")
    return found
