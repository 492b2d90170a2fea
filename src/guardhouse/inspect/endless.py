"""Masking of a word without end: text that offers no place to cut it.

Base64, minified source or an attack may go on for megabytes without a character at which words.py could cut. Then each
rule works as a stage of a chain on what the stage before lets through. A stage decides about every position that lies
further than the rule's reach from the end of what it knows, releases up to there, and keeps the rest. So memory and
delay are bounded by the sum of the reaches, and the result is still that of the rules applied one after the other.
"""

from collections.abc import Iterable

from guardhouse.inspect import credentials
from guardhouse.inspect.entities import MARGIN, Rule
from guardhouse.inspect.escapes import LEFT, behind
from guardhouse.inspect.rewriting import Counts, count


class _Stage:
    __slots__ = ("_counts", "_known", "_left", "_rule", "_running")

    def __init__(self, rule: Rule, counts: Counts) -> None:
        self._rule = rule
        self._counts = counts
        self._known = ""  # what is undecided, after `_left` characters that only give it what stands before it
        self._left = 0
        self._running = False  # the last match goes on as long as its run does

    def push(self, text: str, *, last: bool) -> str:
        known = self._known + text
        position = self._left
        if self._running:
            position = self._end_of_run(known, position)
        limit = len(known) if last else len(known) - self._rule.reach - MARGIN
        out: list[str] = []
        while (span := self._rule.find(known, position)) is not None and span[0] < limit:
            out.append(known[position : behind(known, span[0])])
            out.append(self._rule.placeholder)
            count(self._counts, self._rule.name)
            position = span[1]
            self._running = self._rule.run and position == len(known)
        decided = max(position, limit)
        out.append(known[position:decided])
        self._left = min(decided, LEFT)
        self._known = known[decided - self._left :]
        return "".join(out)

    def _end_of_run(self, known: str, position: int) -> int:
        run = credentials.RUN.match(known, position)
        end = run.end() if run is not None else position
        self._running = end == len(known)
        return end


class EndlessWord:
    __slots__ = ("_stages", "_waiting")

    _BATCH = 256  # stages look at all they keep each time: let some text gather first

    def __init__(self, rules: Iterable[Rule], counts: Counts) -> None:
        self._stages = [_Stage(rule, counts) for rule in rules]
        self._waiting = ""

    def push(self, text: str) -> str:
        self._waiting += text
        return self._through(last=False) if len(self._waiting) >= self._BATCH else ""

    def finish(self) -> str:
        return self._through(last=True)

    def _through(self, *, last: bool) -> str:
        text, self._waiting = self._waiting, ""
        for stage in self._stages:
            text = stage.push(text, last=last)
        return text
