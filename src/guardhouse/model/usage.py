"""Tokens used by one exchange, and where the figures come from."""

from typing import Literal

import msgspec


class Timing(msgspec.Struct, frozen=True):
    """How long the model server says that it took, in seconds; 0.0 for what it does not say."""

    load: float = 0.0  # of the model into memory
    reading: float = 0.0  # of the prompt
    writing: float = 0.0  # of the answer


class Usage(msgspec.Struct, frozen=True):
    input_tokens: int
    output_tokens: int
    source: Literal["reported", "estimated", "reserved"] = "reported"
    timing: Timing | None = None
