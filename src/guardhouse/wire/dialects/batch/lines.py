"""A file of requests: JSON, one request a line, each for the same endpoint and the same model.

What goes for a request that is made directly goes for a line: `check`, texts, lengths and the rest are those of its
endpoint. A line is an object of exactly four members; `custom_id` pairs it with its result and is not inspected, so it
has to look like an id. Answers cannot flow. A file is refused for its first line that is wrong.
"""

import re
from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.model.media import Part
from guardhouse.model.operation import MEASURED_IN_TOKENS, Operation
from guardhouse.model.reason import Reason
from guardhouse.model.text import Text
from guardhouse.wire import json
from guardhouse.wire.dialects.deferred import Measure
from guardhouse.wire.dialects.dialect import Prepared
from guardhouse.wire.dialects.openai import lengths, measure, media, request, texts
from guardhouse.wire.dialects.openai.dialect import OPENAI
from guardhouse.wire.dialects.rules import invalid

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
_MEMBERS: Final = frozenset(("custom_id", "method", "url", "body"))
_ENDS: Final = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"), (b"\xc2\x85", b"\\u0085"))
_BLANK: Final = b" \t\r\n"
_MOST_NAMED: Final = 8
_ID: Final = re.compile(r"[A-Za-z0-9_.:/|#=+-]{1,128}")


def url_of(operation: Operation) -> str:
    return next(url for url, known in URLS.items() if known is operation)


def is_custom_id(value: Any) -> bool:
    return type(value) is str and _ID.fullmatch(value) is not None


def parted(content: bytes) -> list[bytes] | None:
    """Its lines up to the last that is not blank; None if they are more than a file has. They are counted before they
    are parted: a list of blank lines takes many times what they do."""
    content = content.rstrip(_BLANK)
    if content.count(b"\n") >= MOST_LINES:
        return None
    return content.split(b"\n") if content else []


def read(content: bytes) -> tuple[Lines, bytes] | Denial:
    """The requests, and the file that says the same and nothing else."""
    raw = parted(content)
    if raw is None:
        return Denial(Reason.CONTENT_BEYOND_LIMIT, f"At most {MOST_LINES} lines.", "file")
    if not raw:
        return Denial(Reason.BODY_MISSING, "The file has no lines.", "file")
    found: Lines = []
    encoded: list[bytes] = []
    for line in raw:
        decoded = json.decode(line) if line.strip() else Denial(Reason.SHAPE_INVALID, "It is empty.")
        if isinstance(decoded, Denial):
            return in_line(len(found), decoded)
        found.append(decoded[0])
        encoded.append(decoded[1])
    return found, encode(encoded)


def encode(encoded: list[bytes]) -> bytes:
    """A file of these lines. What some readers take for the end of one is escaped, as it can only stand in a string."""
    file = b"%b\n" % b"\n".join(encoded)
    if not file.isascii():
        for character, escape in _ENDS:
            file = file.replace(character, escape)
    return file


def in_line(index: int, denial: Denial, within: str = "") -> Denial:
    """What was said of one line, as said of the file."""
    place = f"lines[{index}]{within}"
    param = place if denial.param is None else f"{place}.{denial.param}"
    return Denial(denial.reason, f"Line {index + 1}: {denial.detail}".rstrip(": "), param[:160])


def check(lines: Any) -> Operation | Denial:
    """What they are requests for."""
    ids: set[str] = set()
    url = model = ""
    for index, line in enumerate(lines):
        denial = _check(line)
        if denial is None:
            body = line["body"]
            url, model = url or line["url"], model or body["model"]
            if line["url"] != url:
                denial = invalid("url", "the same in all lines")
            elif body["model"] != model:
                denial = invalid("body.model", "the same in all lines")
            elif line["custom_id"] in ids:
                denial = invalid("custom_id", "another one in each line")
        if denial is not None:
            return in_line(index, denial)
        ids.add(line["custom_id"])
    return URLS[url]


def _check(line: Any) -> Denial | None:
    if type(line) is not dict or line.keys() != _MEMBERS:
        return Denial(Reason.SHAPE_INVALID, "It must be an object with custom_id, method, url and body only.")
    if not is_custom_id(line["custom_id"]):
        return invalid("custom_id", "1 to 128 letters, digits and _.:/|#=+-")
    if line["method"] != "POST":
        return invalid("method", "POST")
    url = line["url"]
    if type(url) is not str or url not in URLS:
        return invalid("url", f"one of {', '.join(URLS)}")
    body = line["body"]
    denial = request.check(body, URLS[url])
    if denial is not None:
        return Denial(denial.reason, denial.detail, f"body.{denial.param}")
    return invalid("body.stream", "left out") if body.get("stream") is True else None


def model_of(lines: Lines) -> str:
    model: str = lines[0]["body"]["model"]
    return model


def texts_of(lines: Lines, operation: Operation) -> list[Text]:
    found: list[Text] = []
    for line in lines:
        found += texts.request_texts(line["body"], operation)
    return found


def unreadable(lines: Lines, operation: Operation) -> list[str]:
    """The first few places."""
    found: list[str] = []
    for index, line in enumerate(lines):
        found += [f"lines[{index}].body.{place}" for place in request.unreadable(line["body"], operation)]
        if len(found) >= _MOST_NAMED:
            break
    return found


def media_in(lines: Lines, operation: Operation) -> list[Part]:
    found: list[Part] = []
    for index, line in enumerate(lines):
        for part in media.media(line["body"], operation):
            part.place = f"lines[{index}].body.{part.place}"
            found.append(part)
    return found


def unknown_fields(lines: Lines, operation: Operation) -> list[str]:
    """The first few."""
    found: list[str] = []
    for index, line in enumerate(lines):
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
    return max([lengths.longest(line["body"]) for line in lines])


def is_length_named(lines: Lines, operation: Operation) -> bool:
    return all(lengths.is_named(line["body"], operation) for line in lines)


def shorten(lines: Lines, operation: Operation, most: int, unsaid: int) -> bool:
    changed = [lengths.shorten(line["body"], operation, most, unsaid) for line in lines]
    return any(changed)


def measured(lines: Lines, operation: Operation) -> Measure:
    found = Measure()
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
    return found


def prepare(lines: Lines, upstream_name: str) -> Prepared:
    prepared = Prepared.AS_IT_WAS
    for line in lines:
        body = line["body"]
        if body["model"] != upstream_name:
            body["model"] = upstream_name
            prepared = Prepared.CHANGED
    return prepared
