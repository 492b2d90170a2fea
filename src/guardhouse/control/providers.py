"""Who vouches for people at the admin port: the configured providers, each ready to send browsers away and back.

Their secrets are looked up here, by the only process that uses them.
"""

import os
from pathlib import Path

from guardhouse.control.oidc_code import OidcCode
from guardhouse.control.state import State
from guardhouse.model.secret import Secret
from guardhouse.policy.references import Reference, resolve
from guardhouse.policy.settings import Settings


class ProviderUnusable(Exception):  # noqa: N818 - it names the state of the provider
    """A provider lacks something that it had when the configuration was loaded; the message is for the operator."""


def providers_of(settings: Settings, state: State, origin: str) -> dict[str, OidcCode]:
    return {
        name: OidcCode(
            settings.identity.issuers[provider.issuer],
            provider,
            _secret(name, provider.secret),
            f"{origin}/signin/{name}/callback",
            state,
        )
        for name, provider in settings.admin.people.items()
    }


def _secret(name: str, reference: Reference | None) -> Secret | None:
    if reference is None:
        return None
    found = resolve(reference, Path("/"), os.environ)
    if not isinstance(found, Secret):
        raise ProviderUnusable(f"admin.people.{name}.secret: {found}")
    return found
