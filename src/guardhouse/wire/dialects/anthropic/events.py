"""Masking the events of a message that flows.

A message is a list of blocks, and each block has at most one text that grows: `text`, `thinking`, or the arguments of a
call as JSON source. Each has a masker of its own. `content_block_start` brings a block and may bring the beginning of
its text; `content_block_delta` brings a piece of it; with `content_block_stop` nothing more may come, so what the
masker holds back goes out right before it, as one more delta. Blocks may be open at the same time; those that nobody
has stopped are ended by `message_stop`, an error, or the end of the stream. Everything else in an event (citations,
results of searches, the reason to stop) comes whole and is masked as whole texts; what is sealed passes, as in
texts.py.

Two clients that read a stream differently would put different texts together, and a value that is cut apart for one may
be whole for the other. So what leaves room for that ends the stream: an event whose name is not its `type`, or that
nobody knows; anything before `message_start` or after the end, a second `message_start`, or one that has content;
blocks out of order; a piece for a block that is not open, of a kind that is not the block's, or of two kinds at once; a
second signature.

Usage comes at the beginning (input) and at the end (everything so far). It counts as told only with the end, since the
output of a stream that is cut before is not known from it.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.model.text import Text
from guardhouse.wire.dialects.anthropic import media
from guardhouse.wire.dialects.anthropic.answer import end_of, learnt, usage_from
from guardhouse.wire.dialects.anthropic.blocks import SEALED, hidden_in, is_sealed
from guardhouse.wire.dialects.anthropic.errors import terminator
from guardhouse.wire.dialects.anthropic.texts import block_texts
from guardhouse.wire.dialects.flow import MOST_FIELDS, MaskedStream, Masker, MaskerFactory, Whole, weight
from guardhouse.wire.dialects.spelling import drop_spelling
from guardhouse.wire.dialects.walk import NOTHING, collect_around, kind_of
from guardhouse.wire.json import encode
from guardhouse.wire.sse import Event

_EVENTS = {
    name.encode(): name
    for name in (
        *("content_block_delta", "content_block_start", "content_block_stop"),
        *("error", "message_delta", "message_start", "message_stop", "ping"),
    )
}
_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}  # the piece of each
_PIECES = frozenset((*_GROWING.values(), "signature"))  # what a client may put together
_DELTAS = {field: kind for kind, field in _GROWING.items()}
_FIELDS = {
    "mcp_tool_use": "partial_json",
    "server_tool_use": "partial_json",
    "text": "text",
    "thinking": "thinking",
    "tool_use": "partial_json",
}
_FIRST = frozenset(("error", "message_start", "ping"))
_KIND = frozenset(("type",))
_DELTA = frozenset(("delta", "type"))
_MESSAGE = frozenset(("message", "type"))
_BLOCK = frozenset(("content_block", "type"))
_ANSWER = frozenset(("id", "model"))


class Block:
    """A block that is open. `field` is what grows in it, empty if nothing does."""

    __slots__ = ("field", "masker", "signed")

    def __init__(self, field: str, masker: Masker | None, *, signed: bool) -> None:
        self.field = field
        self.masker = masker
        self.signed = signed


class BlockStream(MaskedStream):
    __slots__ = ("_begun", "_blocks", "_figures", "_next", "_over")

    def __init__(self, masker: MaskerFactory, whole: Whole, hide_usage: bool) -> None:
        super().__init__(masker, whole, hide_usage)
        self._blocks: dict[int, Block] = {}
        self._figures: dict[str, int] = {}
        self._next = 0
        self._begun = False
        self._over = False

    def terminator(self, denial: Denial) -> bytes:
        return terminator(denial)

    def _show(self, document: dict[str, Any]) -> Reason | None:
        return media.show(document, self.shown)

    def _open_maskers(self) -> list[Masker]:
        return [block.masker for block in self._blocks.values() if block.masker is not None]

    def _judge(self, event: Event, document: dict[str, Any], out: list[bytes]) -> bool:
        kind = document.get("type")
        known = _EVENTS.get(event.name)
        if known is None or kind != known or self._over or not (self._begun or known in _FIRST):
            return self._fail()
        if known == "content_block_delta":
            return self._judge_delta(document)
        if known == "content_block_start":
            return self._start_block(document)
        if known == "content_block_stop":
            return self._stop_block(document, out)
        if known == "message_start":
            return self._start(document)
        if known == "message_delta":
            self._learn_end(document)
        elif known != "ping":
            self._flush(out)
            self._over = True
        self._mask_around(document, _KIND)
        return True

    def _fail(self) -> bool:
        self.error = Reason.RESPONSE_UNREADABLE
        return False

    def _start(self, document: dict[str, Any]) -> bool:
        message = document.get("message")
        if self._begun or type(message) is not dict or message.get("content"):
            return self._fail()
        self._begun = True
        learnt(self._figures, message.get("usage"))
        self._mask_around(message, NOTHING, _ANSWER)
        self._mask_around(document, _MESSAGE)
        return True

    def _learn_end(self, document: dict[str, Any]) -> None:
        self.usage = usage_from(learnt(self._figures, document.get("usage"))) or self.usage
        delta = document.get("delta")
        if type(delta) is dict:
            self.finish_reason = end_of(delta.get("stop_reason")) or self.finish_reason

    def _start_block(self, document: dict[str, Any]) -> bool:
        block, index = document.get("content_block"), document.get("index")
        if type(block) is not dict or type(index) is not int or index != self._next or index >= MOST_FIELDS:
            return self._fail()
        if hidden_in([block], ""):
            return self._fail()
        self._next += 1
        field = _FIELDS.get(kind_of(block), "")
        masker = self._masker(field == "partial_json") if field else None
        self._blocks[index] = Block(field, masker, signed=bool(block.get("signature")))
        begun = block.pop(field, None) if type(block.get(field)) is str and field != "partial_json" else None
        drop_spelling(block)
        found: list[Text] = []
        block_texts([block], "assistant", found)
        self._mask_texts(found)
        if begun is not None and masker is not None:
            self.output_chars += weight(begun)
            block[field] = masker.feed(begun)
        self._mask_around(document, _BLOCK)
        return True

    def _judge_delta(self, document: dict[str, Any]) -> bool:
        index, delta = document.get("index"), document.get("delta")
        block = self._blocks.get(index) if type(index) is int else None
        if block is None or type(delta) is not dict:
            return self._fail()
        kind = delta.get("type")
        if type(kind) is not str:
            return self._fail()
        if len(document) > 3:
            self._mask_around(document, _DELTA)
        field = _GROWING.get(kind)
        if field is None:
            return self._judge_whole_delta(block, kind, delta)
        piece = delta.get(field)
        masker = block.masker
        if masker is None or block.field != field or type(piece) is not str:
            return self._fail()
        if len(delta) > 2:
            if not _PIECES.isdisjoint(delta.keys() - {field}):
                return self._fail()
            drop_spelling(delta)
            self._mask_around(delta, frozenset(("type", field)))
        self.output_chars += weight(piece)
        delta[field] = masker.feed(piece)
        return True

    def _judge_whole_delta(self, block: Block, kind: str, delta: dict[str, Any]) -> bool:
        """Deltas of which one has everything: a signature, or a citation."""
        if sum(1 for piece in _PIECES if piece in delta) > (kind == "signature_delta"):
            return self._fail()
        if kind == "signature_delta" and block.field == "thinking" and not block.signed:
            block.signed = bool(delta.get("signature"))
            sealed = SEALED["thinking"]
        elif kind == "citations_delta" and block.field == "text":
            sealed = SEALED["text"]
        else:
            return self._fail()
        found: list[Text] = []
        collect_around(delta, "assistant", found, _KIND)
        self._mask_texts([text for text in found if text.key not in sealed or not is_sealed(text.value)])
        return True

    def _stop_block(self, document: dict[str, Any], out: list[bytes]) -> bool:
        index = document.get("index")
        if type(index) is not int or index not in self._blocks:
            return self._fail()
        self._end_block(index, out)
        self._mask_around(document, _KIND)
        return True

    def _end_block(self, index: int, out: list[bytes]) -> None:
        block = self._blocks.pop(index)
        tail = "" if block.masker is None else self._close(block.masker)
        if tail:
            delta = {"type": _DELTAS[block.field], block.field: tail}
            event = {"type": "content_block_delta", "index": index, "delta": delta}
            out.append(b"event: content_block_delta\ndata: %b\n\n" % encode(event))

    def _flush(self, out: list[bytes]) -> None:
        for index in list(self._blocks):
            self._end_block(index, out)

    def _mask_around(self, node: dict[str, Any], handled: frozenset[str], structural: frozenset[str] = NOTHING) -> None:
        """Mask every string of an object but for those."""
        found: list[Text] = []
        collect_around(node, "other", found, structural, handled)
        self._mask_texts(found)
