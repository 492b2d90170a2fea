"""`identity.issuers`: one issuer as it is written, and the rules that are made of it (identity/issuers.py).

A claim is written by its name, or as a JSON Pointer (RFC 6901) when it stands inside of another: `groups`,
`/realm_access/roles`, `/kubernetes.io/namespace`, `https://example.com/roles`. What is left out comes from the preset
of the issuer's kind. Whether the parts of an issuer fit together is issuer_checks.py.
"""

import re
from pathlib import Path as FilePath

import msgspec

from guardhouse.identity.issuers import DEFAULT_ALGORITHMS, Claim, Claims, Issuer, Requirement, Source
from guardhouse.identity.jwks import ALGORITHMS
from guardhouse.identity.workloads import PRESETS, IssuerKind, Preset
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, Kind, ListOf, MapOf, Reading, Schema, Shape, Unread
from guardhouse.policy.source import Node, Scalar

ENDPOINT = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[\x21\x22\x24-\x3f\x41-\x7e]*)?")


class KeysEntry(msgspec.Struct, frozen=True, kw_only=True):
    discovery: str | None = None
    jwks: str | None = None
    file: FilePath | None = None
    authorities: FilePath | None = None
    token_file: FilePath | None = None
    refresh: float = 300.0
    pause: float = 10.0
    stale_after: float = 43_200.0


class ClaimsEntry(msgspec.Struct, frozen=True, kw_only=True):
    id: Claim | None = None
    groups: Claim | None = None
    roles: Claim | None = None
    scopes: Claim | None = None
    team: Claim | None = None
    tier: Claim | None = None
    attributes: dict[str, Claim] = {}


class IssuerEntry(msgspec.Struct, frozen=True, kw_only=True):
    kind: IssuerKind = "oidc"
    issuer: str | None = None
    audience: tuple[str, ...]
    keys: KeysEntry = KeysEntry()
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    clients: tuple[str, ...] = ()
    claims: ClaimsEntry = ClaimsEntry()
    require: dict[str, tuple[str, ...]] = {}
    strong: dict[str, tuple[str, ...]] = {}
    prefix: str | None = None
    skew: float = 30.0
    max_age: float | None = None


def parse_claim(text: str) -> Claim | None:
    """The path of a claim; None for what is no JSON Pointer although it begins like one."""
    if not re.fullmatch(_CLAIM, text):
        return None
    if not text.startswith("/"):
        return (text,)
    if re.search(r"~(?![01])", text):
        return None
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def show_claim(claim: Claim) -> str:
    if len(claim) == 1 and not claim[0].startswith("/"):
        return claim[0]
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in claim)


class _Endpoint(Kind[str]):
    """A URL that keys are fetched from; never quoted, as somebody may have put a password into it."""

    def read(self, node: Node, path: Path, reading: Reading) -> str | Unread:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return reading.mistyped(node, path, "text")
        if ENDPOINT.fullmatch(node.value):
            return node.value
        return reading.tell(node.line, path, "must be a URL of http:// or https:// without user name and fragment")

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^https?://[^@#\s]+$"}


_CLAIM = r"[^\x00-\x1f\x7f]{1,256}"
_CLAIM_NAME = kinds.Text(_CLAIM, "the name of a claim, or a JSON Pointer to one")
_CLAIM_PATH: Kind[Claim] = kinds.Figure(
    parse_claim, show_claim, _CLAIM, "the name of a claim, or a JSON Pointer to one"
)
ISSUER_NAME = kinds.Text(
    r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", "a name of an issuer; use small letters, digits and -, at most 32"
)
_ISSUER = kinds.Text(r"[\x21-\x7e]{1,512}", "an issuer; use printable ASCII without blanks, exactly as in the tokens")
_VALUE = kinds.Text(r"[^\x00-\x1f\x7f]{1,256}", "a value of a claim; one has no control characters, at most 256")
_ATTRIBUTE = kinds.Text(r"[A-Za-z_][A-Za-z0-9_./:-]{0,127}", "the name of an attribute; a letter first")
_VALUES = MapOf(_CLAIM_NAME, ListOf(_VALUE))

_KEYS = Shape(
    KeysEntry,
    {
        "discovery": Key(_Endpoint(), "The discovery document, if it is not where the issuer's URL says."),
        "jwks": Key(_Endpoint(), "The key set itself; nothing is discovered then."),
        "file": Key(kinds.FILE, "A file with the key set; nothing is fetched then."),
        "authorities": Key(kinds.FILE, "PEM file of the authorities that may vouch for the server, not the system's."),
        "token_file": Key(kinds.FILE, "A file with a bearer token to ask with, as the API server of a cluster wants."),
        "refresh": Key(kinds.DURATION, "How often the keys are looked at: how long a withdrawn key goes on working."),
        "pause": Key(kinds.DURATION, "How long is waited between two looks at least, whatever keys tokens name."),
        "stale_after": Key(kinds.DURATION, "How long the last good keys are used when no new ones can be had."),
    },
)

_CLAIMS = Shape(
    ClaimsEntry,
    {
        "id": Key(_CLAIM_PATH, "What the principal's id is made of; sub, unless the kind says otherwise."),
        "groups": Key(_CLAIM_PATH, "Where the groups stand."),
        "roles": Key(_CLAIM_PATH, "Where the roles stand."),
        "scopes": Key(_CLAIM_PATH, "Where the scopes stand: a list, or words in one text."),
        "team": Key(_CLAIM_PATH, "Where the team stands."),
        "tier": Key(_CLAIM_PATH, "Where the tier stands."),
        "attributes": Key(MapOf(_ATTRIBUTE, _CLAIM_PATH), "Attributes of the principal, each with its claim."),
    },
)

_KINDS: dict[str, IssuerKind] = {kind: kind for kind in PRESETS}

ISSUER_SHAPE = Shape(
    IssuerEntry,
    {
        "kind": Key(kinds.Choice("kind", _KINDS), "A preset for what the issuer's claims mean."),
        "issuer": Key(_ISSUER, "What its tokens say in `iss`, exactly. Left out where the kind knows it."),
        "audience": Key(ListOf(_VALUE), "What its tokens must say in `aud`: one of these."),
        "keys": Key(_KEYS, "Where its keys come from: by discovery from `issuer`, unless said otherwise."),
        "algorithms": Key(
            ListOf(kinds.Choice("algorithm", {name: name for name in sorted(ALGORITHMS)})),
            "Signature algorithms that are accepted.",
        ),
        "clients": Key(ListOf(_VALUE), "The clients (`azp`, `client_id`) whose tokens are accepted; any, if left out."),
        "claims": Key(_CLAIMS, "Where in a token the principal's members stand."),
        "require": Key(_VALUES, "Claims a token must have, each with the values of which one is needed; * at the end."),
        "strong": Key(_VALUES, "Claims of which any one shows that several factors or a hardware key were used."),
        "prefix": Key(
            kinds.Text(r"[^\s*\x00-\x1f\x7f]{0,64}", "a prefix; one has no blanks, at most 64"),
            'What stands before each id; the issuer\'s name and a colon, if left out. "" for nothing.',
        ),
        "skew": Key(kinds.DURATION, "How far the clocks may differ."),
        "max_age": Key(kinds.DURATION, "How long after `iat` a token counts at most, whatever it says itself."),
    },
)


def resolved_issuer(name: str, entry: IssuerEntry, base: FilePath) -> Issuer:
    preset, keys = PRESETS[entry.kind], entry.keys
    url = url_of(entry, preset)
    discovered = f"{url.rstrip('/')}/.well-known/openid-configuration"
    source = Source(
        jwks_file=None if keys.file is None else base / keys.file,
        jwks=keys.jwks,
        discovery=keys.discovery or (None if keys.file or keys.jwks else discovered),
        authorities=None if keys.authorities is None else base / keys.authorities,
        token_file=None if keys.token_file is None else base / keys.token_file,
    )
    return Issuer(
        name=name,
        issuer=url,
        audience=entry.audience,
        source=source,
        algorithms=frozenset(entry.algorithms),
        clients=frozenset(entry.clients),
        claims=_claims(entry.claims, preset),
        require=_requirements(entry.require),
        strong=_requirements(entry.strong),
        prefix=entry.prefix if entry.prefix is not None else f"{name}:" if preset.prefixed else "",
        skew=entry.skew,
        max_age=entry.max_age,
        refresh=keys.refresh,
        pause=keys.pause,
        stale_after=keys.stale_after,
    )


def url_of(entry: IssuerEntry, preset: Preset) -> str:
    return entry.issuer or preset.issuer or ""


def _claims(entry: ClaimsEntry, preset: Preset) -> Claims:
    own = {name: path for name in ClaimsEntry.__struct_fields__ if (path := getattr(entry, name))}
    own["attributes"] = {**preset.claims.attributes, **entry.attributes}
    return msgspec.structs.replace(preset.claims, **own)


def _requirements(written: dict[str, tuple[str, ...]]) -> tuple[Requirement, ...]:
    return tuple(Requirement(parse_claim(claim) or (claim,), values) for claim, values in written.items())
