"""Who is calling. A principal exists only as the result of a successful identification; there is no anonymous one."""

from typing import Literal

import msgspec

Method = Literal["api_key"]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated caller: `id` is stable and names it in policies, limits, the journal and metrics."""

    id: str
    groups: frozenset[str] = frozenset()
    method: Method = "api_key"
    credential_id: str  # the public part of the credential, safe to log
