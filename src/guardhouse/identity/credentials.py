"""The one place that finds a caller's credential among the headers of a request.

Three carriers are accepted, because the client libraries differ: `Authorization: Bearer X`, `x-api-key: X` and
`api-key: X`. They are equal: the same credential leads to the same decision in each. A request that carries two
different ones is refused instead of ranked, since whoever ranks them elsewhere (a proxy, a log, a person) may rank
them otherwise; the same one in several carriers is merely redundant.

A carrier that is present but cannot hold a key or a token (another scheme, an empty or over-long value, anything but
visible ASCII) makes the credential invalid, it is never skipped in favour of the next carrier. `headers` maps
lower-cased names to values; that a name occurs once is the business of `wire`. Cost: linear in at most `LONGEST` bytes.
"""

import re
from collections.abc import Mapping
from typing import Final

from guardhouse.model.reason import Reason

LONGEST: Final = 8192  # a token with many groups is a few thousand bytes long

_bearer: Final = re.compile(rb"(?i:bearer) +([\x21-\x7e]{1,%d})" % LONGEST).fullmatch
_bare: Final = re.compile(rb"[\x21-\x7e]{1,%d}" % LONGEST).fullmatch


def extract(headers: Mapping[bytes, bytes]) -> bytes | Reason:
    authorization = headers.get(b"authorization")
    x_api_key = headers.get(b"x-api-key")
    api_key = headers.get(b"api-key")
    found: bytes | None = None
    if authorization is not None:
        bearer = _bearer(authorization)
        if bearer is None:
            return Reason.CREDENTIAL_INVALID
        found = bearer[1]
    if x_api_key is None and api_key is None:
        return Reason.CREDENTIAL_MISSING if found is None else found
    return _agreed(found, x_api_key, api_key)


def _agreed(*carried: bytes | None) -> bytes | Reason:
    given = {value for value in carried if value is not None}
    if not all(map(_bare, given)):
        return Reason.CREDENTIAL_INVALID
    return given.pop() if len(given) == 1 else Reason.CREDENTIALS_CONFLICT
