"""Media in answers of this dialect, whatever the model server says and however its bytes arrive."""

import base64
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.model.media import Part
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.openai.answer import unreadable
from guardhouse.wire.dialects.openai.passage import Passage
from guardhouse.wire.dialects.openai.shown import answer_media, show
from guardhouse.wire.dialects.pieces import Shown

NAMES = st.sampled_from(
    [
        *("choices", "delta", "message", "audio", "data", "content", "images", "image_url", "url", "type", "output"),
        *("item", "part", "response", "result", "id", "index", "output_index", "partial_image_b64", "file", "outputs"),
    ]
)
WORDS = st.sampled_from(
    [
        *("image_url", "output_audio", "image_generation_call", "computer_call_output", "response.audio.delta", "file"),
        *("data:image/png;base64,iVBORw0KGgo=", "iVBORw0KGgo=", "?", "", "x.partial_image", "https://a.example/b"),
    ]
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=30,
)
SOUND = b"RIFF\x24\0\0\0WAVEfmt " + bytes(range(200))


@given(DOCUMENTS)
def test_answers_and_events_of_any_shape_are_read_without_an_error(document: Any) -> None:
    parts = answer_media(document)
    assert [part.place for part in parts] == (unreadable(document) if type(document) is dict else [])
    if type(document) is dict:
        show(document, Shown(lambda part: None))


def events() -> list[bytes]:
    pieces = [base64.b64encode(SOUND[at : at + 50]).decode() for at in range(0, len(SOUND), 50)]
    deltas: list[dict[str, Any]] = [{"content": "hello"}, *[{"audio": {"data": piece}} for piece in pieces]]
    documents = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return [b"data: %b\n\n" % json.dumps(document).encode() for document in documents]


def fed(cuts: list[int], judge: Any = None) -> tuple[Passage, bytes]:
    stream = Passage(Operation.CHAT, hide_usage=False)
    stream.judge_media = judge
    body, out = b"".join(events()), b""
    for size in [*cuts, len(body)]:
        chunk, body = body[:size], body[size:]
        if chunk and stream.error is None:
            out += stream.feed(chunk)
    return stream, out + stream.finish()


@given(st.lists(st.integers(1, 300)))
@settings(max_examples=200)
def test_a_recording_is_told_of_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    stream, out = fed(cuts)
    assert out == b"".join(events())
    assert stream.media is not None
    (part,) = stream.media.parts
    assert (part.kind, part.size, part.value) == ("audio", len(SOUND), SOUND[:66])


@given(st.lists(st.integers(1, 300)))
@settings(max_examples=200)
def test_nothing_of_a_recording_that_is_not_let_through_leaves(cuts: list[int]) -> None:
    def judge(part: Part) -> Reason:
        return Reason.ANSWER_MEDIA_REFUSED

    stream, out = fed(cuts, judge)
    assert stream.error is Reason.ANSWER_MEDIA_REFUSED
    assert b'"audio"' not in out
