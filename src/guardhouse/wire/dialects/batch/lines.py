"""A file of requests: JSON, one request a line, each for the same endpoint and the same model.

What goes for a request that is made directly goes for a line: `check`, texts, lengths and the rest are those of its
endpoint. A line is an object of exactly four members; `custom_id` pairs it with its result and is not inspected, so it
has to look like an id. Answers cannot flow. A file is refused for its first line that is wrong.

How lines are read is in reading.py. Here they are asked, some of a file at a time: `first` is the place of the first of
them in it.
"""

import re
from typing import Any, Final

from guardhouse.model.media import Part
from guardhouse.model.operation import MEASURED_IN_TOKENS, Operation
from guardhouse.model.text import Text
from guardhouse.wire import json
from guardhouse.wire.dialects.deferred import Measure
from guardhouse.wire.dialects.dialect import Prepared
from guardhouse.wire.dialects.openai import lengths, measure, media, request, texts
from guardhouse.wire.dialects.openai.dialect import OPENAI

Lines = list[dict[str, Any]]

URLS: Final = {
    "/v1/chat/completions": Operation.CHAT,
    "/v1/completions": Operation.COMPLETIONS,
    "/v1/responses": Operation.RESPONSES,
    "/v1/embeddings": Operation.EMBEDDINGS,
    "/v1/moderations": Operation.MODERATIONS,
}
OPERATIONS: Final = {operation.word: operation for operation in URLS.values()}
MOST_LINES: Final = 50_000  # what OpenAI takes
_ENDS: Final = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))
_MOST_NAMED: Final = 8
_ID: Final = re.compile(r"[A-Za-z0-9_.:/|#=+-]{1,128}")


def url_of(operation: Operation) -> str:
    return next(url for url, known in URLS.items() if known is operation)


def is_custom_id(value: Any) -> bool:
    return type(value) is str and _ID.fullmatch(value) is not None


def encode(encoded: list[bytes]) -> bytes:
    """A file of these lines. What some readers take for the end of one is escaped, as it can only stand in a string."""
    file = b"%b\n" % b"\n".join(encoded)
    if not file.isascii():
        for character, escape in _ENDS:
            file = file.replace(character, escape)
    return file


def texts_of(lines: Lines, operation: Operation) -> list[Text]:
    found: list[Text] = []
    for line in lines:
        found += texts.request_texts(line["body"], operation)
    return found


def unreadable(lines: Lines, operation: Operation, first: int) -> list[str]:
    """The first few places."""
    found: list[str] = []
    for index, line in enumerate(lines, first):
        found += [f"lines[{index}].body.{place}" for place in request.unreadable(line["body"], operation)]
        if len(found) >= _MOST_NAMED:
            break
    return found


def media_in(lines: Lines, operation: Operation, first: int) -> list[Part]:
    found: list[Part] = []
    for index, line in enumerate(lines, first):
        for part in media.media(line["body"], operation):
            part.place = f"lines[{index}].body.{part.place}"
            found.append(part)
    return found


def unknown_fields(lines: Lines, operation: Operation, first: int) -> list[str]:
    """The first few."""
    found: list[str] = []
    for index, line in enumerate(lines, first):
        found += [f"lines[{index}].body.{name}" for name in request.unknown_fields(line["body"], operation)]
        if len(found) >= _MOST_NAMED:
            break
    return found


def uses_tools(lines: Lines) -> bool:
    return any(OPENAI.uses_tools(line["body"]) for line in lines)


def is_endless(lines: Lines) -> bool:
    return any(measure.is_endless(line["body"]) for line in lines)


def answers(lines: Lines, operation: Operation) -> int:
    """Those that have a length."""
    return sum([lengths.answers(line["body"]) for line in lines]) if operation in MEASURED_IN_TOKENS else 0


def longest(lines: Lines) -> int:
    return max([lengths.longest(line["body"]) for line in lines], default=0)


def is_length_named(lines: Lines, operation: Operation) -> bool:
    return all(lengths.is_named(line["body"], operation) for line in lines)


def shorten(lines: Lines, operation: Operation, most: int, unsaid: int) -> bool:
    changed = [lengths.shorten(line["body"], operation, most, unsaid) for line in lines]
    return any(changed)


def take_measure(lines: Lines, operation: Operation, found: Measure) -> None:
    """Add what they hold."""
    for line in lines:
        body = line["body"]
        encoded = json.encode(body)
        found.size += len(encoded)
        found.requests += 1
        found.endless = found.endless or measure.is_endless(body)
        inputs = measure.inputs(body)
        found.inputs += inputs
        most = measure.most_given(body, encoded, operation)
        if most is None:
            found.unbounded += inputs
        else:
            found.most_given += most
        if operation in MEASURED_IN_TOKENS:
            length = lengths.longest(body)
            if not lengths.is_named(body, operation):
                found.unnamed += lengths.answers(body)
            elif length:
                found.made += length * lengths.answers(body)
            else:
                found.none_wished += lengths.answers(body)


def prepare(lines: Lines, upstream_name: str) -> Prepared:
    prepared = Prepared.AS_IT_WAS
    for line in lines:
        body = line["body"]
        if body["model"] != upstream_name:
            body["model"] = upstream_name
            prepared = Prepared.CHANGED
    return prepared
