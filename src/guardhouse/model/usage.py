"""Tokens used by one exchange, and where the figures come from."""

from typing import Literal

import msgspec


class Usage(msgspec.Struct, frozen=True):
    input_tokens: int
    output_tokens: int
    source: Literal["reported", "estimated"] = "reported"
