"""May a request refer to what the model server has stored?

Only to the kinds of things that the model's `content.stored` names, which by default are none. The model server sees
the gateway's account and not the caller, so it gives to each what any of them has left there; and none of it was
judged for the one who names it. Ids that the gateway has sealed for their maker (seals.py) are no way around: those
files hold requests and results of batches, and no model is given them.

The record names the kind of each thing and its id as a keyed hash, so that uses of the same thing can be found without
telling which it is.
"""

from typing import Final

from guardhouse.audit.record import Stored
from guardhouse.inspect.references import Found
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.model.stored import StoredKind
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane

_MOST: Final = 16  # on a record


def judge(kind: StoredKind, allowed: tuple[StoredKind, ...], place: str) -> Verdict:
    if kind in allowed:
        return None
    return Denial(Reason.STORED_REFUSED, f"The model does not admit {kind}.", place)


def note(exchange: Exchange, found: list[Found], plane: DataPlane) -> None:
    """Of references that are allowed."""
    digest = plane.hash_key.digest
    told: list[Stored] = []
    for each in found:
        if each.stored is not None and len(told) < _MOST:
            told.append(Stored(each.stored, digest(each.value.encode())[:8].hex() if each.value else ""))
    if told:
        exchange.stored = tuple(told)
