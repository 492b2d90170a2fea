"""What the gateway knows of a thing that it has left at a model server, as it is written into the thing's id.

The gateway keeps no list of them. What a caller gets as an id is this, sealed for the principal that made it
(path/seals.py), so that every later call can be decided, sent to the right server and charged from the id alone.
"""

from typing import Literal

import msgspec

SealedKind = Literal["input", "output", "batch"]


class Sealed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    kind: SealedKind
    id: str  # the model server's
    source: str  # of a batch: the model server's id of its input
    model: str  # by the name of the configuration
    target: str
    place: str  # digest of the target's address: an id means nothing at another server
    operation: str  # that of the requests
    judged: str = ""  # digest of the policies under which the requests were judged
    size: int = 0  # bytes of them
    risk: int = 0
    tools: bool = False
    bounded: bool = False  # whether the last two figures are bounds
    given: int = 0  # tokens that they take, by estimate
    made: int = 0
    most_given: int = 0
    most_made: int = 0
