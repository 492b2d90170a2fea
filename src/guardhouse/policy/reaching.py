"""How a model server is reached: how long each phase may take, and by what it and the gateway prove themselves.

Shared by the decoder (sections/reaching.py), the snapshot and the data path. Times are in seconds.
"""

from pathlib import Path
from typing import Literal

import msgspec

from guardhouse.policy.settings import Upstream


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Of one target or one model; what is left out is as somebody less particular says."""

    connect: float | None = None
    tls: float | None = None
    write: float | None = None
    first_byte: float | None = None
    between_bytes: float | None = None
    whole: float | None = None


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for an exchange."""

    connect: float
    tls: float
    write: float
    first_byte: float
    between_bytes: float
    whole: float


class TargetTls(msgspec.Struct, frozen=True, kw_only=True):
    """A server's certificate is always verified; this says by whom and as whom, and what the gateway shows in turn."""

    authorities: Path | None = None  # None: those of the system
    server_name: str | None = None  # None: the host of the URL
    minimum: Literal["1.2", "1.3"] = "1.2"
    certificate: Path | None = None
    key: Path | None = None


def patience(upstream: Upstream, target: Timeouts | None, model: Timeouts | None) -> Patience:
    """The model's word before the target's, and that before what holds for all."""
    figures = {}
    for name in Patience.__struct_fields__:
        said = [getattr(each, name) for each in (model, target, upstream) if each is not None]
        figures[name] = next((figure for figure in said if figure is not None), float("inf"))
    return Patience(**figures)


def located(tls: TargetTls | None, base: Path) -> TargetTls | None:
    """The same with absolute paths."""
    if tls is None:
        return None
    found = {
        name: base / path for name in ("authorities", "certificate", "key") if (path := getattr(tls, name)) is not None
    }
    return msgspec.structs.replace(tls, **found)
