"""Anthropic's API as one `Dialect`; each file beside this one knows one part of it."""

from collections.abc import Sequence
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.media import Part
from guardhouse.model.secret import Secret
from guardhouse.model.text import Text
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.anthropic import answer, errors, headers, lengths, media, request, texts, tools
from guardhouse.wire.dialects.anthropic.events import BlockStream
from guardhouse.wire.dialects.anthropic.fields import COUNT_TOKENS
from guardhouse.wire.dialects.anthropic.passage import Passage
from guardhouse.wire.dialects.bounds import most_of
from guardhouse.wire.dialects.dialect import Dialect, Prepared, Route
from guardhouse.wire.dialects.flow import AnswerStream, MaskerFactory, Whole


class Anthropic(Dialect):
    __slots__ = ()

    name = "anthropic"
    forwarded = headers.FORWARDED

    def check(self, document: Any, route: Route) -> Denial | None:
        return request.check(document, route.path)

    def model(self, document: Any, route: Route) -> str:
        model: str = document["model"]
        return model

    def is_streamed(self, document: Any, route: Route) -> bool:
        return document.get("stream") is True and route.path != COUNT_TOKENS

    def uses_tools(self, document: Any) -> bool:
        return bool(document.get("tools") or document.get("mcp_servers"))

    def texts(self, document: Any, route: Route) -> list[Text]:
        return texts.request_texts(document)

    def unreadable(self, document: Any, route: Route) -> list[str]:
        return request.unreadable(document)

    def media(self, document: Any, route: Route) -> list[Part]:
        return media.media(document)

    def unknown_fields(self, document: Any, route: Route) -> list[str]:
        return request.unknown_fields(document, route.path)

    def longest(self, document: Any, route: Route) -> int:
        return lengths.longest(document)

    def is_length_named(self, document: Any, route: Route) -> bool:
        return lengths.is_named(document)

    def answers(self, document: Any, route: Route) -> int:
        return 0 if route.path == COUNT_TOKENS else lengths.answers(document)

    def shorten(self, document: Any, route: Route, most: int, unsaid: int) -> bool:
        return lengths.shorten(document, most, unsaid)

    def most_given(self, document: Any, encoded: bytes, route: Route) -> int | None:
        return None if self.unreadable(document, route) else most_of(document, encoded) + tools.instructions(document)

    def is_endless(self, document: Any) -> bool:
        return tools.is_endless(document)

    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        return request.prepare(document, upstream_name)

    def forward(self, name: bytes, value: bytes) -> bytes:
        return headers.forward(name, value)

    def credential(self, secret: Secret) -> str:
        return f"x-api-key: {secret.reveal()}"

    def usage(self, document: Any, route: Route) -> Usage | None:
        if route.path == COUNT_TOKENS:
            return answer.COUNTED
        return answer.usage_of(document.get("usage")) if type(document) is dict else None

    def finish_reason(self, document: Any, route: Route) -> str:
        return answer.end_of(document.get("stop_reason")) if type(document) is dict else ""

    def unreadable_answer(self, document: Any, route: Route) -> list[str]:
        return answer.unreadable(document)

    def answer_media(self, document: Any, route: Route) -> list[Part]:
        return media.answer_media(document)

    def answer_texts(self, document: Any, route: Route) -> list[Text]:
        return texts.answer_texts(document)

    def drop_fragments(self, document: Any) -> None:
        answer.drop_fragments(document)

    def stream(self, route: Route, masker: MaskerFactory | None, whole: Whole | None, hide_usage: bool) -> AnswerStream:
        if masker is None or whole is None:
            return Passage(hide_usage)
        return BlockStream(masker, whole, hide_usage)

    def error(self, denial: Denial) -> bytes:
        return errors.error_body(denial)

    def answer_locally(self, route: Route, visible: Sequence[str]) -> bytes | None:
        if route.model is None:
            return answer.models_body(visible)
        return answer.model_body(route.model) if route.model in visible else None


ANTHROPIC = Anthropic()
