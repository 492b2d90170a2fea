"""Answers that flow: which reader an operation's events need."""

from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.flow import AnswerStream, MaskerFactory, Whole
from guardhouse.wire.dialects.openai.choices import ChoiceStream
from guardhouse.wire.dialects.openai.items import ItemStream
from guardhouse.wire.dialects.openai.passage import Passage


def stream(
    operation: Operation, *, masker: MaskerFactory | None, whole: Whole | None, hide_usage: bool = False
) -> AnswerStream:
    """With a masker (and its twin for whole texts) every event is judged, without one they pass."""
    if masker is None or whole is None:
        return Passage(operation, hide_usage)
    if operation is Operation.RESPONSES:
        return ItemStream(masker, whole, hide_usage)
    return ChoiceStream(masker, whole, hide_usage)
