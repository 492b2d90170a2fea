"""A stream whose texts are masked, as the path sets it up."""

from guardhouse.inspect.masker import mask
from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.entity import EVERY_ENTITY
from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.flow import AnswerStream
from guardhouse.wire.dialects.openai.streams import stream


def whole(text: str, escaped: bool = False) -> str:
    return mask(text, EVERY_ENTITY, escaped=escaped)[0]


def masked(operation: Operation = Operation.CHAT, *, hide_usage: bool = False) -> AnswerStream:
    return stream(
        operation,
        masker=lambda escaped: StreamMasker(EVERY_ENTITY, escaped=escaped),
        whole=whole,
        hide_usage=hide_usage,
    )


def through(answer: AnswerStream, *chunks: bytes) -> bytes:
    return b"".join([answer.feed(chunk) for chunk in chunks]) + answer.finish()
