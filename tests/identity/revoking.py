"""A feed of revocations for tests that have no control process."""

import time
from pathlib import Path

from guardhouse.identity.revocation_feed import NAME, end_line, header_line, revocation_line

UNTIL = 4e9  # some day


def publish_revoked(folder: Path, *credentials: str) -> None:
    """A whole feed with these and no others; each one is newer than the one before."""
    lines = [revocation_line(place, place, name, UNTIL) for place, name in enumerate(credentials, 1)]
    fresh = folder / "revoked.new"
    fresh.write_bytes(header_line() + b"".join(lines) + end_line(len(lines), time.monotonic_ns()))
    fresh.replace(folder / NAME)
