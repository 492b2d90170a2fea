"""What is known of common issuers, so that a configuration need not say it: presets by `kind`.

An issuer of workload tokens attests what runs where: the namespace and service account of a pod, the repository and
branch of a build. These become attributes, which policies can ask for. None of them gives groups or roles unless the
configuration says where they stand, because on a shared issuer whoever writes a workflow can choose much of a token.

`anyone`: everybody in the world can have such an issuer make a token for any audience, so one of these claims has to be
required, or the token says nothing at all.
"""

from typing import Literal

import msgspec

from guardhouse.identity.issuers import Claim, Claims

IssuerKind = Literal["oidc", "kubernetes", "github", "gitlab", "google", "entra", "spiffe"]


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    issuer: str | None = None  # what tokens say in `iss`, where that is the same for everybody
    claims: Claims = Claims()
    anyone: tuple[Claim, ...] = ()
    prefixed: bool = True  # whether ids get the issuer's name in front


PRESETS: dict[IssuerKind, Preset] = {
    "oidc": Preset(claims=Claims(groups=("groups",), roles=("roles",), scopes=("scope",))),
    "entra": Preset(
        claims=Claims(
            id=("oid",),
            groups=("groups",),
            roles=("roles",),
            scopes=("scp",),
            attributes={"tenant": ("tid",), "application": ("azp",)},
        )
    ),
    "kubernetes": Preset(
        claims=Claims(
            attributes={
                "namespace": ("kubernetes.io", "namespace"),
                "service_account": ("kubernetes.io", "serviceaccount", "name"),
                "pod": ("kubernetes.io", "pod", "name"),
                "node": ("kubernetes.io", "node", "name"),
            }
        )
    ),
    "github": Preset(
        issuer="https://token.actions.githubusercontent.com",
        claims=Claims(
            attributes={
                name: (name,)
                for name in ("repository", "repository_owner", "ref", "environment", "workflow_ref", "event_name")
            }
        ),
        anyone=(
            ("repository",),
            ("repository_id",),
            ("repository_owner",),
            ("repository_owner_id",),
            ("enterprise",),
            ("sub",),
        ),
    ),
    "gitlab": Preset(
        issuer="https://gitlab.com",
        claims=Claims(
            attributes={
                name: (name,)
                for name in ("project_path", "namespace_path", "ref", "ref_type", "ref_protected", "environment")
            }
        ),
        anyone=(("project_path",), ("project_id",), ("namespace_path",), ("namespace_id",), ("sub",)),
    ),
    "google": Preset(
        issuer="https://accounts.google.com",
        claims=Claims(attributes={"email": ("email",), "project": ("google", "compute_engine", "project_id")}),
        anyone=(("sub",), ("email",), ("hd",), ("google", "compute_engine", "project_id")),
    ),
    "spiffe": Preset(anyone=(("sub",),), prefixed=False),  # a SPIFFE ID begins with its trust domain
}
