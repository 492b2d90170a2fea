"""OpenAI's API as one `Dialect`; each file beside this one knows one part of it."""

from collections.abc import Sequence
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.media import Part
from guardhouse.model.text import Text
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.declared import declared
from guardhouse.wire.dialects.dialect import Dialect, Prepared, Route
from guardhouse.wire.dialects.flow import AnswerStream, MaskerFactory, Whole
from guardhouse.wire.dialects.openai import answer, errors, lengths, measure, media, request, shown, streams, texts


class OpenAI(Dialect):
    __slots__ = ()

    name = "openai"
    forwarded = frozenset((b"openai-beta",))

    def check(self, document: Any, route: Route) -> Denial | None:
        return request.check(document, route.operation)

    def model(self, document: Any, route: Route) -> str:
        model: str = document["model"]
        return model

    def is_streamed(self, document: Any, route: Route) -> bool:
        return document.get("stream") is True

    def is_kept(self, document: Any, route: Route, *, mend: bool) -> bool:
        return request.is_kept(document, route.operation, mend=mend)

    def uses_tools(self, document: Any) -> bool:
        if document.get("web_search_options") is not None:  # empty ones are a wish, too
            return True
        named = document.get("tools") or document.get("functions") or document.get("mcp_servers")
        return bool(named or declared(document))

    def texts(self, document: Any, route: Route) -> list[Text]:
        return texts.request_texts(document, route.operation)

    def unreadable(self, document: Any, route: Route) -> list[str]:
        return request.unreadable(document, route.operation)

    def media(self, document: Any, route: Route) -> list[Part]:
        return media.media(document, route.operation)

    def unknown_fields(self, document: Any, route: Route) -> list[str]:
        return request.unknown_fields(document, route.operation)

    def longest(self, document: Any, route: Route) -> int:
        return lengths.longest(document)

    def is_length_named(self, document: Any, route: Route) -> bool:
        return lengths.is_named(document, route.operation)

    def answers(self, document: Any, route: Route) -> int:
        return lengths.answers(document)

    def shorten(self, document: Any, route: Route, most: int, unsaid: int) -> bool:
        return lengths.shorten(document, route.operation, most, unsaid)

    def most_given(self, document: Any, encoded: bytes, route: Route) -> int | None:
        return measure.most_given(document, encoded, route.operation)

    def inputs(self, document: Any) -> int:
        return measure.inputs(document)

    def is_endless(self, document: Any) -> bool:
        return measure.is_endless(document)

    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        return request.prepare(document, route.operation, upstream_name)

    def usage(self, document: Any, route: Route) -> Usage | None:
        return answer.usage(document, route.operation)

    def finish_reason(self, document: Any, route: Route) -> str:
        return answer.finish_reason(document, route.operation)

    def unreadable_answer(self, document: Any, route: Route) -> list[str]:
        return answer.unreadable(document)

    def answer_media(self, document: Any, route: Route) -> list[Part]:
        return shown.answer_media(document)

    def answer_texts(self, document: Any, route: Route) -> list[Text]:
        return texts.answer_texts(document, route.operation)

    def drop_fragments(self, document: Any) -> None:
        answer.drop_fragments(document)

    def stream(self, route: Route, masker: MaskerFactory | None, whole: Whole | None, hide_usage: bool) -> AnswerStream:
        return streams.stream(route.operation, masker=masker, whole=whole, hide_usage=hide_usage)

    def error(self, denial: Denial) -> bytes:
        return errors.error_body(denial)

    def answer_locally(self, route: Route, visible: Sequence[str]) -> bytes | None:
        if route.model is None:
            return answer.models_body(visible)
        return answer.model_body(route.model) if route.model in visible else None


OPENAI = OpenAI()
