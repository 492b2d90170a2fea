"""Which policies' `when` holds for a request: every plain comparison, turned into tables.

Expressions (`when.cel`) are kept here by the number of their policy and asked by decide.py, last of all.

A table gives, for a value of a fact, the policies that the fact does not rule out: those that do not speak of it, and
those that it satisfies. The policies that hold are then the given ones, cut down once for each fact that any of them
speaks of. Networks are looked up once per address and hours once per minute; both are kept, within bounds. A request of
which no policy with a condition speaks never gets here.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from guardhouse.policy.cel.expression import Expression
from guardhouse.policy.facts import Facts
from guardhouse.policy.sections.hours import Calendar
from guardhouse.policy.sections.networks import Atlas
from guardhouse.policy.sections.when import MOST_RISK, Range, When

Policies = int

_MOST_ADDRESSES = 4096


class Conditions:
    __slots__ = (
        "_addresses",
        "_by_network",
        "_by_risk",
        "_by_size",
        "_by_stream",
        "_by_time",
        "_by_tools",
        "_left_at",
        "_left_by_risk",
        "_left_by_size",
        "_left_by_stream",
        "_left_by_tools",
        "_minute",
        "_sizes",
        "_whens",
        "atlas",
        "by_expression",
        "calendar",
        "conditional",
        "expressions",
    )

    def __init__(self, whens: Sequence[When], atlas: Atlas, calendar: Calendar) -> None:
        """`whens[n]` is that of policy n; an empty one for a policy without conditions."""
        self._whens = whens
        self.atlas = atlas
        self.calendar = calendar
        self.conditional = self._where(lambda when: when.of_request)
        self._by_network = self._where(lambda when: bool(when.network or when.not_network))
        self._by_time = self._where(lambda when: bool(when.time or when.not_time))
        self._by_size = self._where(lambda when: when.size is not None)
        self._by_risk = self._where(lambda when: when.risk is not None)
        self._by_stream = self._where(lambda when: when.stream is not None)
        self._by_tools = self._where(lambda when: when.tools is not None)
        self.by_expression = self._where(lambda when: bool(when.cel))
        self.expressions = _expressions(whens)
        self._addresses: dict[str, Policies] = {}
        self._minute = -1
        self._left_at: Policies = 0
        self._sizes = _steps([when.size for when in whens if when.size is not None])
        self._left_by_size = [_left([when.size for when in whens], size) for size in [0, *self._sizes]]
        self._left_by_risk = [_left([when.risk for when in whens], risk) for risk in range(MOST_RISK + 1)]
        self._left_by_stream = [_agreeing([when.stream for when in whens], asked) for asked in (False, True)]
        self._left_by_tools = [_agreeing([when.tools for when in whens], asked) for asked in (False, True)]

    def __repr__(self) -> str:
        return f"<Conditions of {self.conditional.bit_count()} policies>"

    def holding(self, given: Policies, facts: Facts) -> Policies:
        """Of the given policies, those that hold for a request of these facts."""
        if given & self._by_network:
            given &= self._left_by_network(facts.client)
        if given & self._by_time:
            given &= self._left_by_time(int(facts.at // 60))
        if given & self._by_size:
            given &= self._left_by_size[bisect_right(self._sizes, facts.size)]
        if given & self._by_risk:
            given &= self._left_by_risk[facts.risk]
        if given & self._by_stream:
            given &= self._left_by_stream[facts.stream]
        if given & self._by_tools:
            given &= self._left_by_tools[facts.tools]
        return given

    def _left_by_network(self, client: str) -> Policies:
        known = self._addresses.get(client)
        if known is None:
            names = self.atlas.names_at(client)
            known = self._where(lambda when: _among(names, when.network, when.not_network))
            if len(self._addresses) >= _MOST_ADDRESSES:
                self._addresses = {}
            self._addresses[client] = known
        return known

    def _left_by_time(self, minute: int) -> Policies:
        if minute != self._minute:
            names = self.calendar.names_at(minute * 60.0)
            self._left_at = self._where(lambda when: _among(names, when.time, when.not_time))
            self._minute = minute
        return self._left_at

    def _where(self, holds: Callable[[When], bool]) -> Policies:
        return sum(1 << number for number, when in enumerate(self._whens) if holds(when))


def _expressions(whens: Sequence[When]) -> dict[int, Expression]:
    """By the number of the policy; those of the same text are one."""
    known = {source: Expression(source) for source in {when.cel for when in whens if when.cel}}
    return {number: known[when.cel] for number, when in enumerate(whens) if when.cel}


def _among(names: frozenset[str], wanted: tuple[str, ...], unwanted: tuple[str, ...]) -> bool:
    return (not wanted or not names.isdisjoint(wanted)) and names.isdisjoint(unwanted)


def _left(ranges: Sequence[Range | None], figure: int) -> Policies:
    return sum(1 << number for number, one in enumerate(ranges) if one is None or one.holds(figure))


def _agreeing(wanted: Sequence[bool | None], asked: bool) -> Policies:
    return sum(1 << number for number, one in enumerate(wanted) if one is None or one is asked)


def _steps(ranges: Sequence[Range]) -> list[int]:
    """The figures at which the answer of any of the ranges may change, in their order."""
    steps = {one.at_least for one in ranges if one.at_least is not None}
    return sorted(steps | {one.at_most + 1 for one in ranges if one.at_most is not None})
