"""Tokens that a request carries for a server which the model server is to connect to, and where they stand.

They are the caller's own secrets, meant for that server. They are no content: masking one would only break it, and its
hash would be on the record. So they are left out of the texts, in these places and if they look like it. Whether the
request may name the server at all is decided elsewhere; where it may not, nothing of it goes on.
"""

import re
from typing import Any, Final

_TOKEN: Final = re.compile(r"(?:[A-Za-z]{1,16} )?[!-~]{1,8192}")
_HEADERS: Final = frozenset(("api-key", "authorization", "proxy-authorization", "x-api-key", "x-auth-token"))


def is_token(value: Any) -> bool:
    """Visible characters without a blank but the one behind a scheme."""
    return type(value) is str and _TOKEN.fullmatch(value) is not None


def tokens_in(node: dict[str, Any], *names: str) -> frozenset[str]:
    """Those of these members that are tokens."""
    return frozenset([name for name in names if is_token(node.get(name))])


def tokens_among(headers: dict[str, Any]) -> frozenset[str]:
    """The headers that carry credentials."""
    return frozenset([name for name, value in headers.items() if name.casefold() in _HEADERS and is_token(value)])
