"""Ollama's own API as one `Dialect`; each file beside this one knows one part of it."""

from collections.abc import Sequence
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.media import Part
from guardhouse.model.operation import Operation
from guardhouse.model.text import Text
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.bounds import most_of
from guardhouse.wire.dialects.dialect import Dialect, Prepared, Route
from guardhouse.wire.dialects.flow import AnswerStream, MaskerFactory, Whole
from guardhouse.wire.dialects.ollama import answer, errors, lengths, request, texts
from guardhouse.wire.dialects.ollama.lines import LinePassage, LineStream
from guardhouse.wire.dialects.server_texts import names_servers


class Ollama(Dialect):
    __slots__ = ()

    name = "ollama"
    flowing = b"application/x-ndjson"

    def check(self, document: Any, route: Route) -> Denial | None:
        return request.check(document, route.operation)

    def model(self, document: Any, route: Route) -> str:
        model: str = document["model"]
        return model

    def is_streamed(self, document: Any, route: Route) -> bool:
        return request.is_streamed(document, route.operation)

    def uses_tools(self, document: Any) -> bool:
        return bool(document.get("tools")) or names_servers(document)

    def is_endless(self, document: Any) -> bool:
        return names_servers(document)

    def texts(self, document: Any, route: Route) -> list[Text]:
        return texts.request_texts(document, route.operation)

    def unreadable(self, document: Any, route: Route) -> list[str]:
        return request.unreadable(document, route.operation)

    def media(self, document: Any, route: Route) -> list[Part]:
        return request.media(document, route.operation)

    def unknown_fields(self, document: Any, route: Route) -> list[str]:
        return request.unknown_fields(document, route.operation)

    def longest(self, document: Any, route: Route) -> int:
        return lengths.longest(document)

    def is_length_named(self, document: Any, route: Route) -> bool:
        return lengths.longest(document) > 0

    def answers(self, document: Any, route: Route) -> int:
        return 1

    def shorten(self, document: Any, route: Route, most: int, unsaid: int) -> bool:
        return lengths.shorten(document, most, unsaid)

    def most_given(self, document: Any, encoded: bytes, route: Route) -> int | None:
        """None for a template of the caller's own, which may say anything any number of times."""
        if document.get("template") or self.unreadable(document, route):
            return None
        return most_of(document, encoded)

    def inputs(self, document: Any) -> int:
        texts_ = document.get("input")
        return max(1, len(texts_)) if type(texts_) is list else 1

    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        return request.prepare(document, upstream_name)

    def usage(self, document: Any, route: Route) -> Usage | None:
        return answer.usage_of(document) if type(document) is dict else None

    def finish_reason(self, document: Any, route: Route) -> str:
        return answer.finish_reason(document)

    def unreadable_answer(self, document: Any, route: Route) -> list[str]:
        return [] if route.operation is Operation.EMBEDDINGS else answer.unreadable(document)

    def answer_media(self, document: Any, route: Route) -> list[Part]:
        return answer.media(document)

    def answer_texts(self, document: Any, route: Route) -> list[Text]:
        return texts.answer_texts(document)

    def drop_fragments(self, document: Any) -> None:
        answer.drop_fragments(document)

    def stream(
        self,
        route: Route,
        masker: MaskerFactory | None,
        whole: Whole | None,
        hide_usage: bool,
    ) -> AnswerStream:
        return LinePassage() if masker is None or whole is None else LineStream(masker, whole)

    def error(self, denial: Denial) -> bytes:
        return errors.error_body(denial)

    def answer_locally(self, route: Route, visible: Sequence[str]) -> bytes | None:
        return answer.tags_body(visible)


OLLAMA = Ollama()
