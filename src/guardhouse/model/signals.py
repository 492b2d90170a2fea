"""What is known of a prompt without keeping it; inspect.signals makes it, the journal carries it."""

import msgspec


class Signals(msgspec.Struct, frozen=True, gc=False):
    prompt_hash: str
    message_hashes: list[str]
    char_count: int
    token_estimate: int
    keyword_hits: int = 0  # distinct phrases, each counted once per text
    delimiter_hits: int = 0
    encoded_blobs: int = 0  # runs that decode to text
    risk: int = 0
