"""What a configuration says of callers with certificates (`listen.tls.clients`). The files are read elsewhere."""

from pathlib import Path
from typing import Literal

import msgspec

Naming = Literal["san_uri", "san_dns", "subject"]


class Clients(msgspec.Struct, frozen=True, kw_only=True):
    """Which authorities vouch for callers, and what of a certificate names one."""

    authorities: Path
    crl: Path | None = None
    required: bool = False
    name: Naming = "san_uri"
    trust_domain: str | None = None
    groups: tuple[str, ...] = ()
    with_key: Literal["refuse", "key"] = "refuse"
