"""Masking a text that arrives in pieces, with the result of masking it whole, for every way of cutting it.

The pieces go through two machines, in the order of the rules: private_key.py swallows key blocks, words.py rewrites
what lies before the last cut and keeps the tail. For JSON source, json_source.py divides the text first; every division
ends what both machines keep. Nothing that can belong to a value leaves before it is decided.

Most pieces of a model's answer are a space and a word in small letters. While nothing is open, such a piece only pushes
out the word before it, or, if only credentials are wanted, leaves at once unless one can begin like it. This short cut
takes nothing that a rule could match: a plain word is shorter than any entity made of letters alone.
"""

import re

from guardhouse.inspect.credentials import begins_like_one
from guardhouse.inspect.entities import rules_for
from guardhouse.inspect.json_source import JsonSource, Part
from guardhouse.inspect.private_key import KeyBlocks
from guardhouse.inspect.rewriting import Counts, count, rewrite
from guardhouse.inspect.words import Words
from guardhouse.model.entity import ENTITY_BITS, SECRETS, Entity

_IN_NUMBERS = ~(SECRETS | Entity.EMAIL)  # the other kinds can be written with the characters of a number
# no group of digits in it is long enough for a card, and no other value is a JSON number
_is_plain_number = re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,12})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch
_is_plain = re.compile(" ?(?:[A-Z][a-z]|[a-z])[a-z]{0,13}").fullmatch


class StreamMasker:
    __slots__ = ("_blocks", "_calm", "_number_rules", "_only_secrets", "_source", "_words", "counts")

    def __init__(self, wanted: Entity, *, escaped: bool = False) -> None:
        self.counts: Counts = {}
        self._number_rules = rules_for(wanted & _IN_NUMBERS)
        self._blocks = KeyBlocks(self._count_block) if wanted & Entity.PRIVATE_KEY else None
        self._words = Words(wanted, self.counts)
        self._source = JsonSource() if escaped else None
        self._only_secrets = not wanted & ~SECRETS & ENTITY_BITS
        self._calm = not escaped

    def feed(self, piece: str) -> str:
        """Takes the next piece and returns what may leave now."""
        if self._calm and _is_plain(piece) is not None:
            words = self._words
            tail = words.tail
            if piece[0] != " ":
                if self._only_secrets:
                    if words.left:
                        return piece
                elif len(tail) + len(piece) < 16:
                    words.tail = tail + piece
                    return ""
            elif not self._only_secrets:
                words.tail = piece[1:]
                return tail + " "
            elif not begins_like_one(piece[1:]):
                words.tail = ""
                words.left = "Q"
                return tail + piece
        return self._feed(piece, last=False)

    def finish(self) -> str:
        """Says that nothing follows, and returns the rest."""
        return self._feed("", last=True) + self._flush()

    def _feed(self, piece: str, *, last: bool) -> str:
        source = self._source
        out = self._push(piece) if source is None else self._feed_source(source, piece, last=last)
        self._calm = (
            self._words.calm
            and (self._blocks is None or self._blocks.calm)
            and (self._source is None or self._source.calm)
        )
        return out

    def _push(self, text: str) -> str:
        return self._words.push(text if self._blocks is None else self._blocks.push(text))

    def _flush(self) -> str:
        rest = "" if self._blocks is None else self._words.push(self._blocks.flush())
        return rest + self._words.flush()

    def _feed_source(self, source: JsonSource, piece: str, *, last: bool) -> str:
        blocks = self._blocks
        out: list[str] = []
        run = ""
        for part, text in source.push(piece, last=last):
            if part is Part.TEXT:
                run += text
                continue
            masked = text
            if part is Part.NUMBER:
                if _is_plain_number(text) is None:
                    masked = rewrite(text, self._number_rules, self.counts)
                if masked == text:
                    run += text
                    continue
            out.append(self._complete(run))
            out.append(self._divide(part, masked))
            source.swallows = blocks is not None and blocks.inside
            run = ""
        out.append(self._push(run))
        return "".join(out)

    def _complete(self, run: str) -> str:
        """Text that nothing can be joined to, and whatever was kept before it."""
        if len(run) < 6 and self._words.idle and (self._blocks is None or self._blocks.calm):
            return run
        if self._blocks is not None and ("-" in run or not self._blocks.calm):
            run = self._blocks.push(run) + self._blocks.flush()
        return self._words.complete(run)

    def _divide(self, part: Part, text: str) -> str:
        if self._blocks is not None and self._blocks.inside:
            if part is not Part.QUOTE:
                return ""
            self._blocks.leave()
        return f'"{text}"' if part is Part.NUMBER else text

    def _count_block(self) -> None:
        count(self.counts, "private_key")
