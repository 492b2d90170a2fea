"""One line of a file that is read back: a request as it was uploaded, or the result of one.

A result holds the answer that the endpoint would have given, so that its texts, what of it cannot be read, and what
would spell out a masked text are the endpoint's. Ids are structural if they look like ids: they pair results with
requests.
"""

from typing import Any, Final

from guardhouse.model.media import Part
from guardhouse.model.operation import Operation
from guardhouse.model.text import Text
from guardhouse.wire.dialects.batch.lines import is_custom_id
from guardhouse.wire.dialects.flow import is_marked
from guardhouse.wire.dialects.openai import answer, request, shown, texts
from guardhouse.wire.dialects.openai import media as request_media
from guardhouse.wire.dialects.walk import NOTHING, collect_around, collect_member

_IDS: Final = ("id", "custom_id")
_PARTS: Final = frozenset(("body",))
_ERRORS: Final = 400
_MEDIA: Final = (b'"audio"', b'"images"', b'_data"', b'"b64_json"', b"image_generation_call", b";base64,")


def answer_in(line: Any) -> Any | None:
    """The body of an answer that is no error."""
    response = line.get("response") if type(line) is dict else None
    if type(response) is not dict:
        return None
    status = response.get("status_code")
    return None if type(status) is int and status >= _ERRORS else response.get("body")


def texts_of(line: Any, operation: Operation) -> list[Text]:
    found: list[Text] = []
    if type(line) is not dict:
        collect_member([line], 0, line, "other", found)
        return found
    handled = frozenset([name for name in _IDS if is_custom_id(line.get(name))])
    body, response = line.get("body"), line.get("response")
    if type(body) is dict and request.check(body, operation) is None:
        found += texts.request_texts(body, operation)
        handled |= _PARTS
    if type(response) is dict:
        handled |= {"response"}
        if "body" in response:
            _response_texts(response, operation, found)
        paired = {"request_id"} if is_custom_id(response.get("request_id")) else NOTHING
        collect_around(response, "other", found, NOTHING, _PARTS | paired)
    collect_around(line, "other", found, NOTHING, handled)
    return found


def _response_texts(response: dict[str, Any], operation: Operation, found: list[Text]) -> None:
    body = response["body"]
    if type(body) is dict:
        found += texts.answer_texts(body, operation)
    else:
        collect_member(response, "body", body, "assistant", found)


def unreadable(line: Any, operation: Operation) -> list[str]:
    if type(line) is not dict:
        return ["(line)"]
    body, response = line.get("body"), line.get("response")
    found: list[str] = []
    if type(body) is dict and request.check(body, operation) is None:
        found += [f"body.{place}" for place in request.unreadable(body, operation)]
    if type(response) is dict and type(response.get("body")) is dict:
        found += [f"response.body.{place}" for place in answer.unreadable(response["body"])]
    return found


def may_show(body: bytes) -> bool:
    return is_marked(body, _MEDIA)


def media(line: Any, operation: Operation) -> list[Part]:
    """Of the unreadable, those that are media."""
    found: list[Part] = []
    if type(line) is not dict:
        return found
    body, response = line.get("body"), line.get("response")
    if type(body) is dict and request.check(body, operation) is None:
        found += _below("body", request_media.media(body, operation))
    if type(response) is dict:
        found += _below("response.body", shown.answer_media(response.get("body")))
    return found


def _below(place: str, parts: list[Part]) -> list[Part]:
    for part in parts:
        part.place = f"{place}.{part.place}"
    return parts


def drop_fragments(line: Any) -> None:
    response = line.get("response") if type(line) is dict else None
    if type(response) is dict:
        answer.drop_fragments(response.get("body"))
