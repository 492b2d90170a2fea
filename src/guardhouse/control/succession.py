"""What is in force, as it was published, and whether a configuration may take its place as far as contracts go.

The published edition is asked and not the history, because it holds the content of every schema: a file that one was
read from may have been written anew since, which is how people change them.
"""

from pathlib import Path

import msgspec

from guardhouse.policy.contracts.succession import succession
from guardhouse.policy.document import Document
from guardhouse.policy.edition import Edition, unseal
from guardhouse.policy.load import located
from guardhouse.policy.problem import Problems


def in_force(published: Path) -> Document | None:
    """None where nothing was ever in force, or only what an earlier release has published in its own form."""
    try:
        return unseal(msgspec.json.decode(published.read_bytes(), type=Edition).active)
    except (OSError, msgspec.MsgspecError):
        return None


def objections(published: Path, document: Document, content: bytes, file: Path) -> Problems:
    """Why `document`, which is written as `content`, may not follow."""
    old = in_force(published)
    return () if old is None else located(content, str(file), succession(old, document))
