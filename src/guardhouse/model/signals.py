"""What is known of a prompt without keeping it; inspect.signals makes it, the journal carries it."""

from typing import Final

import msgspec

MOST_HASHES: Final = 256  # texts that are hashed one by one; more than a long conversation has


class Signals(msgspec.Struct, frozen=True, gc=False):
    prompt_hash: str
    message_hashes: list[str]
    char_count: int
    token_estimate: int
    keyword_hits: int = 0  # distinct phrases, each counted once per text
    delimiter_hits: int = 0
    encoded_blobs: int = 0  # runs that decode to text
    risk: int = 0
    further_texts: int = 0  # those that have no hash of their own
    further_hash: str = ""  # of all of them together
