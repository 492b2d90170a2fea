"""What spells the text of an answer out in pieces: log probabilities of tokens, and tokens as numbers of an encoding.

Masking cannot follow it, so where a text was masked it would give away what was taken out. Names are those of all model
servers; some answer in several dialects and bring theirs along.
"""

from typing import Any

SPELLINGS = frozenset(
    (
        "completion_probabilities",
        "logprobs",
        "prompt_logprobs",
        "prompt_token_ids",
        "token_ids",
        "token_logprobs",
        "tokens",
    )
)


def drop_spelling(node: dict[str, Any]) -> bool:
    """Empty what is among the members of this object, and say whether there was any."""
    found = False
    for key in node.keys() & SPELLINGS:
        if node[key] is not None:
            node[key] = None
            found = True
    return found
