"""The request for a batch: which file, for which endpoint, until when, and words of the caller's own for it.

The file and the endpoint are compared with what the file's id says, and pair things; every other string is a text.
"""

import re
from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.model.text import Text
from guardhouse.wire.dialects.batch.upload import LEAST_EXPIRY, MOST_EXPIRY
from guardhouse.wire.dialects.rules import invalid, misspelt
from guardhouse.wire.dialects.walk import NOTHING, collect_around

_PAIRING: Final = frozenset(("input_file_id", "endpoint", "completion_window"))
_KNOWN: Final = _PAIRING | {"metadata", "output_expires_after"}
_WINDOW: Final = re.compile(r"[1-9][0-9]{0,3}[hd]")
_MOST_METADATA: Final = 16
_LONGEST_ID: Final = 2048


def check(document: Any) -> Denial | None:
    if type(document) is not dict:
        return invalid("the body", "an object")
    given, window = document.get("input_file_id"), document.get("completion_window")
    if type(given) is not str or not 0 < len(given) <= _LONGEST_ID:
        return invalid("input_file_id", "the id of a file")
    if type(document.get("endpoint")) is not str:
        return invalid("endpoint", "a string")
    if type(window) is not str or _WINDOW.fullmatch(window) is None:
        return invalid("completion_window", "a time such as 24h")
    for name in document:
        denial = None if name in _KNOWN else misspelt(name, _KNOWN, "")
        if denial is not None:
            return denial
    return _check_metadata(document.get("metadata")) or _check_expiry(document.get("output_expires_after"))


def _check_metadata(value: Any) -> Denial | None:
    if value is None:
        return None
    if type(value) is not dict or len(value) > _MOST_METADATA or any(type(one) is not str for one in value.values()):
        return invalid("metadata", f"an object of at most {_MOST_METADATA} strings")
    return None


def _check_expiry(value: Any) -> Denial | None:
    if value is None:
        return None
    must = f"anchor: created_at, and {LEAST_EXPIRY} to {MOST_EXPIRY} seconds"
    if type(value) is not dict or value.keys() != {"anchor", "seconds"} or value["anchor"] != "created_at":
        return invalid("output_expires_after", must)
    seconds = value["seconds"]
    fits = type(seconds) is int and LEAST_EXPIRY <= seconds <= MOST_EXPIRY
    return None if fits else invalid("output_expires_after", must)


def texts_of(document: dict[str, Any]) -> list[Text]:
    found: list[Text] = []
    collect_around(document, "other", found, NOTHING, _PAIRING)
    return found


def unknown_fields(document: dict[str, Any]) -> list[str]:
    return sorted(document.keys() - _KNOWN)
