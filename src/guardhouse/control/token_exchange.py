"""Token exchange (RFC 8693): what a request for a narrower token says, and what is answered.

`subject_token` is any credential that the gateway knows. `scope` narrows: words for operations (`chat`,
`models.read`), for kinds of access (`infer`, `read`, `administer`), and `model:NAME`. Without words of a kind that side
is not narrowed; a word only ever takes away, so asking for what the grantor may not do gives nothing. `lifetime` (an
extension) is whole seconds. Everything is read strictly: a parameter that stands twice, or that this end would have to
ignore, is an error, because a caller that asked for less must not be given more.
"""

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qsl

import msgspec

from guardhouse.identity.minted import ISSUER
from guardhouse.model.operation import OF_ACCESS, Operation
from guardhouse.model.principal import Narrowing
from guardhouse.model.secret import Secret

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
JWT = "urn:ietf:params:oauth:token-type:jwt"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name
API_KEY = "urn:guardhouse:token-type:api-key"
MOST_BYTES = 32 * 1024

ErrorCode = Literal[
    "invalid_request", "invalid_scope", "invalid_target", "unsupported_grant_type", "temporarily_unavailable"
]

_SUBJECTS = frozenset({ACCESS_TOKEN, JWT, ID_TOKEN, API_KEY})
_ISSUED = frozenset({"", ACCESS_TOKEN, JWT})
_KNOWN = frozenset(
    {"grant_type", "subject_token", "subject_token_type", "requested_token_type", "scope", "audience", "lifetime"}
)
_OPERATIONS: dict[str, frozenset[Operation]] = {
    **{operation.word: frozenset((operation,)) for operation in Operation},
    **{access: frozenset(operations) for access, operations in OF_ACCESS.items()},
}
_model = re.compile(r"model:([A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127})").fullmatch
_lifetime = re.compile(r"[1-9][0-9]{0,8}").fullmatch
_MOST_WORDS = 200


class OAuthError(msgspec.Struct, frozen=True):
    """An error as RFC 6749, 5.2 has it."""

    error: ErrorCode
    description: str


class Asked(msgspec.Struct, frozen=True):
    """A request that can be answered, if the subject token is good."""

    subject: Secret
    narrowing: Narrowing | None
    lifetime: float | None  # None: what the configuration says


def read_form(body: bytes) -> dict[str, str] | OAuthError:
    """The parameters of a form; one without a value counts as left out (RFC 6749, 3.2)."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=20)
    except ValueError:
        return OAuthError("invalid_request", "The body is not a form.")
    form = dict(pairs)
    if len(form) != len(pairs):
        return OAuthError("invalid_request", "A parameter stands twice.")
    return {name: value for name, value in form.items() if value}


def read_request(form: Mapping[str, str]) -> Asked | OAuthError:
    grant_type = form.get("grant_type")
    if grant_type != GRANT_TYPE:
        wrong: ErrorCode = "invalid_request" if grant_type is None else "unsupported_grant_type"
        return OAuthError(wrong, f"grant_type must be {GRANT_TYPE}.")
    if form.get("audience", ISSUER) != ISSUER or "resource" in form:
        return OAuthError("invalid_target", "Tokens are minted for this gateway only.")
    if not form.keys() <= _KNOWN:
        return OAuthError("invalid_request", "A parameter is not supported.")
    if form.get("subject_token_type") not in _SUBJECTS or form.get("requested_token_type", "") not in _ISSUED:
        return OAuthError("invalid_request", "A token type is missing or not supported.")
    subject = form.get("subject_token", "")
    if not subject or not subject.isascii():
        return OAuthError("invalid_request", "The parameter subject_token is missing.")
    lifetime = form.get("lifetime")
    if lifetime is not None and not _lifetime(lifetime):
        return OAuthError("invalid_request", "The parameter lifetime must be whole seconds.")
    narrowing = read_scope(form.get("scope", ""))
    if isinstance(narrowing, OAuthError):
        return narrowing
    return Asked(Secret(subject), narrowing, None if lifetime is None else float(lifetime))


def read_scope(scope: str) -> Narrowing | OAuthError | None:
    """None: nothing is narrowed."""
    words = scope.split(" ") if scope else []
    operations: frozenset[Operation] = frozenset()
    models: set[str] = set()
    for word in words:
        named = _model(word)
        if named is not None:
            models.add(named[1])
        elif word in _OPERATIONS:
            operations |= _OPERATIONS[word]
        else:
            return OAuthError("invalid_scope", "A scope is neither an operation, a kind of access, nor model:NAME.")
    if len(words) > _MOST_WORDS:
        return OAuthError("invalid_scope", "There are too many scopes.")
    return Narrowing(operations or None, frozenset(models) or None) if words else None


def show_scope(narrowing: Narrowing | None) -> str:
    """The words that mean it."""
    if narrowing is None:
        return ""
    operations = sorted(operation.word for operation in narrowing.operations or ())
    return " ".join((*operations, *(f"model:{name}" for name in sorted(narrowing.models or ()))))
