"""How much is reserved and charged for requests that are carried out later.

Nothing is charged for uploading them: how much they may use at most is worked out then and goes into the id. Whoever
orders them to be carried out is charged for all of it, each time, when it is ordered; nobody tells afterwards whose use
it was, so it is not corrected. An answer whose length nobody named counts in full. Under a budget that must not be
overrun, requests whose use has no bound are refused, when they are uploaded and when they are ordered.
"""

from typing import Final

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Usage
from guardhouse.path.exchange import Exchange
from guardhouse.path.size import EVERYTHING, LONGEST_OUTPUT, Size
from guardhouse.policy.snapshot import Model
from guardhouse.wire.dialects.deferred import DeferredRoute, Deferring, Measure
from guardhouse.wire.dialects.dialect import Route

_BYTES_PER_TOKEN: Final = 4
_TEMPLATED: Final = (Operation.CHAT, Operation.RESPONSES)


def bound(exchange: Exchange) -> Verdict:
    """A denial where it can use anything."""
    route, model = exchange.route, exchange.model
    assert isinstance(route, DeferredRoute)
    assert model is not None
    if route.step == "order":
        assert route.sealed is not None
        told = "The requests of the file have none; upload it again under this budget."
        return None if route.sealed.bounded else Denial(Reason.INPUT_UNBOUNDED, told, "input_file_id")
    if route.step != "upload":
        return None
    dialect = route.dialect
    assert isinstance(dialect, Deferring)
    measured = Measure()
    dialect.take_measure(exchange.document, route, measured)
    if measured.endless:
        return Denial(Reason.INPUT_UNBOUNDED, "The model server would go on with tools of its own.")
    if measured.unbounded and not model.max_input:
        return Denial(Reason.INPUT_UNBOUNDED, "A request brings in what does not stand in it.")
    return None


def fill(route: Route, size: Size) -> None:
    """What is reserved."""
    assert isinstance(route, DeferredRoute)
    sealed = route.sealed
    if sealed is None or route.step != "order":
        size.given = size.made = size.most_given = size.most_made = 0
        return
    size.given, size.made = sealed.given, sealed.made
    size.most_given, size.most_made = sealed.most_given, sealed.most_made


def used(route: Route) -> Usage:
    """By what was sent and not refused."""
    assert isinstance(route, DeferredRoute)
    sealed = route.sealed
    if sealed is None or route.step != "order":
        return Usage(0, 0, "estimated")
    return Usage(sealed.given, sealed.made, "reserved")


class Figures:
    """Tokens; `bounded` says whether the last two are bounds."""

    __slots__ = ("bounded", "given", "made", "most_given", "most_made")

    def __init__(self, measured: Measure, model: Model, operation: Operation) -> None:
        self.bounded = not measured.endless and not measured.unnamed and (not measured.unbounded or model.max_input > 0)
        self.given = min(EVERYTHING, measured.size // _BYTES_PER_TOKEN + 1)
        unsaid = measured.unnamed + measured.none_wished
        self.made = min(EVERYTHING, measured.made + unsaid * (model.max_output or LONGEST_OUTPUT))
        most = measured.most_given + (model.preamble * measured.requests if operation in _TEMPLATED else 0)
        most += model.max_input * measured.unbounded
        if model.max_input:
            most = min(most, model.max_input * measured.inputs)
        self.most_given = max(self.given, min(EVERYTHING, most))
        self.most_made = self.made
