"""`when` of a policy: under which circumstances of a request it applies.

Every key that is written must hold. All but `cel` are plain comparisons, which conditions.py turns into tables, so that
they cost a look-up whatever the number of policies that use them. `cel` is an expression for what they cannot say; a
`when` that is a text is such an expression alone. It is evaluated only where everything else of its policy matches.

`region` is about the servers behind a model: an allowance holds if all of them are in the named regions, a denial or
restriction if any is, so that a model with one server elsewhere is taken for what it might do. A server without a
region is in none. That is known while loading and costs a request nothing.
"""

from collections.abc import Iterator

import msgspec

from guardhouse.policy import kinds
from guardhouse.policy.cel.expression import faults
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.reading import Key, ListOf, Reading, Schema, Shape, Unread
from guardhouse.policy.source import Node, Scalar

MOST_RISK = 10


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Both ends belong to it."""

    at_least: int | None = None
    at_most: int | None = None

    def holds(self, figure: int) -> bool:
        return (self.at_least is None or figure >= self.at_least) and (self.at_most is None or figure <= self.at_most)

    def __str__(self) -> str:
        ends = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{word} {figure}" for word, figure in ends if figure is not None)


class When(msgspec.Struct, frozen=True, kw_only=True):
    network: tuple[str, ...] = ()
    not_network: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    not_time: tuple[str, ...] = ()
    size: Range | None = None
    risk: Range | None = None
    stream: bool | None = None
    tools: bool | None = None
    region: tuple[str, ...] = ()
    cel: str | None = None

    @property
    def of_request(self) -> bool:
        """Whether anything of it is known only when a request is there."""
        return msgspec.structs.replace(self, region=()) != When()


_SIZES = Shape(
    Range,
    {
        "at_least": Key(kinds.SIZE, "The smallest size it applies to."),
        "at_most": Key(kinds.SIZE, "The largest size it applies to."),
    },
)
_RISKS = Shape(
    Range,
    {
        "at_least": Key(kinds.Whole(0, MOST_RISK), "The lowest score it applies to."),
        "at_most": Key(kinds.Whole(0, MOST_RISK), "The highest score it applies to."),
    },
)


class Circumstances(Shape[When]):
    """A mapping of comparisons, or the text of an expression."""

    def read(self, node: Node, path: Path, reading: Reading) -> When | Unread:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return When(cel=node.value)
        return super().read(node, path, reading)

    def schema(self) -> Schema:
        return {**super().schema(), "type": ["object", "string"]}


WHEN = Circumstances(
    When,
    {
        "network": Key(ListOf(kinds.SECTION_NAME), "The caller's address is in one of these networks."),
        "not_network": Key(ListOf(kinds.SECTION_NAME), "The caller's address is in none of these networks."),
        "time": Key(ListOf(kinds.SECTION_NAME), "It is one of these hours."),
        "not_time": Key(ListOf(kinds.SECTION_NAME), "It is none of these hours."),
        "size": Key(_SIZES, "The size of the judged document."),
        "risk": Key(_RISKS, "The risk score of the prompt, 0 to 10."),
        "stream": Key(kinds.FLAG, "Whether the answer is asked for as a stream."),
        "tools": Key(kinds.FLAG, "Whether the request declares tools for the model to call."),
        "region": Key(
            ListOf(kinds.SECTION_NAME), "Where the servers of the model are: all of them to allow, any to deny."
        ),
        "cel": Key(kinds.Text(r"[\s\S]+", "an expression"), "An expression for what the other keys cannot say."),
    },
)


def findings(when: When) -> Iterator[tuple[Path, str]]:
    """What of it always or never holds, at its place inside `when`."""
    if when == When():
        yield (), "says nothing; leave it out"
    for wanted, unwanted in (("network", "not_network"), ("time", "not_time")):
        both = set(getattr(when, wanted)) & set(getattr(when, unwanted))
        if both and not set(getattr(when, wanted)) - both:
            yield (unwanted,), f"can never hold: {', '.join(map(quote, sorted(both)))} is asked for and excluded"
    for name, figures, most in (("size", when.size, None), ("risk", when.risk, MOST_RISK)):
        if figures is not None:
            yield from (((name,), message) for message in _range(figures, most))
    fault = None if when.cel is None else faults(when.cel)
    if fault is not None:
        yield ("cel",), fault


def _range(figures: Range, most: int | None) -> Iterator[str]:
    least, greatest = figures.at_least, figures.at_most
    if least is None and greatest is None:
        yield "says nothing; name at_least or at_most"
    elif least is not None and greatest is not None and least > greatest:
        yield "can never hold: at_least is more than at_most"
    elif (least or 0) == 0 and (greatest is None or greatest == most):
        yield "always holds"
