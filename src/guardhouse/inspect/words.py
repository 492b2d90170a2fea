"""Masking of text that arrives in pieces: what may leave is what lies before the last cut.

A cut is a place that no match can lie across, whatever comes, and that no rule looks across to the left. By what
entities.py promises it is behind a character that neither a match nor an escape has (`WORD` and the space are all they
may have), or behind a space that stands between characters between which no match has one. Masking the two sides of a
cut separately is masking the whole, so the text before the last cut is rewritten at once and leaves; the tail is kept.
A tail that grows beyond `_LONGEST_TAIL` is handed to endless.py until the next cut.

When only credentials are wanted, a tail that no credential can begin in leaves too, but for an escape at its end. Its
last character may be the left neighbour of what follows; a `Q`, with which no credential begins, then stands in for it.
"""

import re

from guardhouse.inspect.credentials import any_sign, first_possible
from guardhouse.inspect.endless import EndlessWord
from guardhouse.inspect.entities import WORD, rules_for
from guardhouse.inspect.rewriting import Counts, rewrite
from guardhouse.model.entity import ENTITY_BITS, SECRETS, Entity

_LONGEST_TAIL = 512

_GROUPED = Entity.CARD | Entity.SSN | Entity.PHONE

_CUT_ANYWHERE = re.compile(f"[^{WORD}]")
_CUT_OUTSIDE_NUMBERS = re.compile(f"[^{WORD} ]|(?<![0-9)]) | (?=[^0-9(])")
_CUT_OUTSIDE_CAPITALS = re.compile(f"[^{WORD} ]|(?<![0-9A-Z)]) | (?=[^0-9A-Z(])")


def _cuts(wanted: Entity) -> re.Pattern[str]:
    if wanted & Entity.IBAN:
        return _CUT_OUTSIDE_CAPITALS
    return _CUT_OUTSIDE_NUMBERS if wanted & _GROUPED else _CUT_ANYWHERE


def surroundings(text: str, position: int, least: int, wanted: Entity) -> tuple[int, int]:
    """The cuts nearest to the character at `position` on both sides; `least` is known to be one."""
    cuts = _cuts(wanted)
    behind = cuts.search(text, position)
    near = position
    while near > least:
        previous, near = near, max(near - 64, least)
        ends = [match.end() for match in cuts.finditer(text, near, previous)]
        if ends:
            return ends[-1], len(text) if behind is None else behind.end()
    return least, len(text) if behind is None else behind.end()


class Words:
    __slots__ = ("_counts", "_cuts", "_endless", "_only_credentials", "_recent", "_rules", "_wanted", "left", "tail")

    def __init__(self, wanted: Entity, counts: Counts) -> None:
        self._rules = rules_for(wanted)
        self._wanted = bool(self._rules.every)
        self._cuts = _cuts(wanted)
        self._only_credentials = not wanted & ~SECRETS & ENTITY_BITS
        self._counts = counts
        self._endless: EndlessWord | None = None
        self._recent = ""  # the last two characters given to `_endless`
        self.tail = ""
        self.left = ""  # stands for what has left right before `tail`

    @property
    def calm(self) -> bool:
        """Whether the tail is a short plain word or nothing, so that letters may follow without a look at it."""
        tail = self.tail
        return self._endless is None and (not tail or (len(tail) < 16 and tail.isalpha() and tail[-1].islower()))

    @property
    def idle(self) -> bool:
        """Whether nothing is kept that could be joined to what comes."""
        return self._endless is None and not self.tail and not self.left

    def push(self, text: str) -> str:
        if not self._wanted or not text:
            return text
        if self._endless is not None:
            return self._push_endless(self._endless, text)
        known = self.left + self.tail + text
        cut = self._last_cut(known, max(len(known) - len(text) - 1, 0))
        out = self._rewritten(known[:cut])[len(self.left) :] if cut else ""
        if cut:
            self.left = ""
        return out + self._keep(known[cut:])

    def complete(self, text: str) -> str:
        """`text` and what is kept before it, when nothing can be joined to it."""
        if self.idle:
            return self._rewritten(text)
        return self.push(text) + self.flush()

    def flush(self) -> str:
        """What is left, now that nothing can be joined to it."""
        if self._endless is not None:
            endless, self._endless = self._endless, None
            return endless.finish()
        out = self._rewritten(self.left + self.tail)[len(self.left) :]
        self.left = self.tail = ""
        return out

    def _rewritten(self, text: str) -> str:
        return rewrite(text, self._rules, self._counts) if any_sign(text) else text

    def _last_cut(self, text: str, start: int) -> int:
        near = max(start, len(text) - 32)
        cut = 0
        for match in self._cuts.finditer(text, near):
            cut = match.end()
        if cut == 0 and near > start:
            for match in self._cuts.finditer(text, start, near + 1):
                cut = match.end()
        return cut

    def _keep(self, rest: str) -> str:
        """Takes `rest` (its first character is `left`, if there is one) as the tail; returns what need not wait."""
        skip = len(self.left)
        if self._only_credentials:
            start = first_possible(rest)
            out, self.tail = rest[skip:start], rest[start:]
            self.left = "Q" if start and not self.tail and _ends_in_word(rest) else ""
        else:
            out, self.tail = "", rest
        if len(self.tail) <= _LONGEST_TAIL:
            return out
        self._endless = EndlessWord(self._rules.every, self._counts)
        self._recent = self.tail[-2:]
        tail, self.tail = self.tail, ""
        return out + self._endless.push(tail)

    def _push_endless(self, endless: EndlessWord, text: str) -> str:
        known = self._recent + text
        first = self._cuts.search(known, 1)
        if first is None:
            self._recent = known[-2:]
            return endless.push(text)
        cut = first.end() - len(self._recent)
        out = endless.push(text[:cut]) + endless.finish()
        self._endless = None
        return out + self.push(text[cut:])


def _ends_in_word(text: str) -> bool:
    return text[-1:].isascii() and text[-1:].isalnum()
