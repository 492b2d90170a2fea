"""Durations and sizes as people write them: a whole number and a unit, nothing else.

A bare number is refused rather than guessed at, since seconds and milliseconds, or bytes and kilobytes, look alike.
"""

import re

DURATION_PATTERN = r"([1-9][0-9]{0,8})(ms|s|m|h|d)"
SIZE_PATTERN = r"([1-9][0-9]{0,11})(B|KiB|MiB|GiB)"

_DURATION = re.compile(DURATION_PATTERN)
_SIZE = re.compile(SIZE_PATTERN)
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BYTES = {"GiB": 1024**3, "MiB": 1024**2, "KiB": 1024, "B": 1}


def parse_duration(text: str) -> float | None:
    """Seconds."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    amount = int(match[1])
    return amount / 1000 if match[2] == "ms" else amount * _SECONDS[match[2]]


def parse_size(text: str) -> int | None:
    """Bytes."""
    match = _SIZE.fullmatch(text)
    return int(match[1]) * _BYTES[match[2]] if match else None


def show_duration(seconds: float) -> str:
    """In the largest unit that says it exactly."""
    milliseconds = round(seconds * 1000)
    for unit, factor in _SECONDS.items():
        whole, rest = divmod(milliseconds, round(factor * 1000))
        if whole and not rest:
            return f"{whole}{unit}"
    return f"{milliseconds}ms"


def show_size(size: int) -> str:
    for unit, factor in _BYTES.items():
        whole, rest = divmod(size, factor)
        if whole and not rest:
            return f"{whole}{unit}"
    return f"{size}B"
