"""The objects that a model server answers with, files and batches, and the ids in them.

An id of the model server is exchanged for the caller's own, and an object that is not the one that was asked for is no
answer: of a server that mixes up its objects, nobody gets what belongs to another. Ids become parts of paths later, so
one that does not look like one is not taken over.
"""

import re
from typing import Any, Final

from guardhouse.model.sealed import Sealed
from guardhouse.model.text import Text
from guardhouse.wire.dialects.deferred import Seal, Step
from guardhouse.wire.dialects.walk import collect_around, collect_member

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_IDS: Final = frozenset(("id", "input_file_id", "output_file_id", "error_file_id"))
_PAIRING: Final = frozenset(("object", "endpoint", "status", "completion_window", "model", "purpose"))
_CODED: Final = re.compile(r"[A-Za-z0-9_-]{1,2048}")  # as the caller's ids are
_OUTPUTS: Final = ("output_file_id", "error_file_id")


def take_file(document: Any, given: str, sealed: Sealed | None, seal: Seal) -> bool:
    """A file, or that it was deleted; without `sealed` one that has just been uploaded."""
    if type(document) is not dict or not _is_id(document.get("id")):
        return False
    if sealed is None:
        document["id"] = seal("input", document["id"])
        return True
    if document["id"] != sealed.id:
        return False
    document["id"] = given
    if "filename" in document:  # a model server may have the id of the batch in it
        document["filename"] = f"{sealed.kind}.jsonl"
    return True


def take_batch(document: Any, step: Step, given: str, sealed: Sealed, seal: Seal) -> bool:
    """`sealed` is the file where a batch has just been ordered of it, else the batch."""
    if type(document) is not dict or not _is_id(document.get("id")):
        return False
    if step == "order":
        if document.get("input_file_id") != sealed.id:
            return False
        document["id"], document["input_file_id"] = seal("batch", document["id"]), given
    else:
        if document["id"] != sealed.id or document.get("input_file_id") != sealed.source:
            return False
        document["id"], document["input_file_id"] = given, seal("input", sealed.source)
    for name in _OUTPUTS:
        output = document.get(name)
        if output is not None:
            if not _is_id(output):
                return False
            document[name] = seal("output", output)
    return True


def texts_of(document: Any) -> list[Text]:
    """What may be content; also of an error, and of whatever else comes in the place of an object."""
    found: list[Text] = []
    if type(document) is not dict:
        collect_member([document], 0, document, "other", found)
    else:
        ids = frozenset([name for name in _IDS if _is_coded(document.get(name))])
        collect_around(document, "other", found, _PAIRING, ids)
    return found


def _is_id(value: Any) -> bool:
    return type(value) is str and _ID.fullmatch(value) is not None


def _is_coded(value: Any) -> bool:
    return type(value) is str and _CODED.fullmatch(value) is not None
