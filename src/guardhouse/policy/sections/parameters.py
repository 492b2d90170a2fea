"""`models.X.parameters`: which parameters a model server gets to see, and within which bounds.

A model server's holes are often parameters: one that makes it allocate without bound, one that reads a file, one that
nobody needs. Here they are closed in front of it. `allow` names all that a request may have besides its payload;
`rules` say of single ones what they may be. What is applied to a document is in policy/contracts/parameters.py.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, Kind, ListOf, MapOf, Reading, Schema, Shape, Unread
from guardhouse.policy.source import Node, Scalar

Value = bool | int | float | str

_LARGEST = 10**15

# what a request is about; no parameters, and judged elsewhere
PAYLOAD = frozenset(
    (
        *("id", "input", "inputs", "instructions", "messages", "model", "outputs", "prompt", "stream"),
        *("stream_options", "system"),
    )
)


class ParameterRule(msgspec.Struct, frozen=True, kw_only=True):
    refuse: bool = False
    min: float | None = None
    max: float | None = None
    values: tuple[Value, ...] = ()
    length: int | None = None
    over: Literal["refuse", "clamp"] = "refuse"
    default: Value | None = None
    set: Value | None = None


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    allow: tuple[str, ...] | None = None  # None: whatever no rule speaks of
    rules: dict[str, ParameterRule] = {}


class Number(Kind[float]):
    def read(self, node: Node, path: Path, reading: Reading) -> float | Unread:
        if not isinstance(node, Scalar) or not isinstance(node.value, int | float) or isinstance(node.value, bool):
            return reading.mistyped(node, path, "a number")
        if abs(node.value) > _LARGEST:
            return reading.tell(node.line, path, "is too large a number")
        return float(node.value)

    def schema(self) -> Schema:
        return {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST}


NUMBER = Number()


class _Value(Kind[Value]):
    def read(self, node: Node, path: Path, reading: Reading) -> Value | Unread:
        if not isinstance(node, Scalar) or node.value is None:
            return reading.mistyped(node, path, "text, a number, true or false")
        return node.value

    def schema(self) -> Schema:
        return {"type": ["string", "number", "boolean"]}


class _Rule(Kind[ParameterRule]):
    """A rule, or the one word `refuse`."""

    def __init__(self, written: Shape[ParameterRule]) -> None:
        self._written = written

    def read(self, node: Node, path: Path, reading: Reading) -> ParameterRule | Unread:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            if node.value == "refuse":
                return ParameterRule(refuse=True)
            return reading.tell(node.line, path, "must be refuse, or a mapping that says what the parameter may be")
        rule = self._written.read(node, path, reading)
        if isinstance(rule, ParameterRule) and rule == ParameterRule():
            return reading.tell(node.line, path, "says nothing")
        return rule

    def schema(self) -> Schema:
        return {"anyOf": [{"const": "refuse"}, self._written.schema()]}


_NAME: Kind[str] = kinds.Text(
    r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", "the name of a parameter; use letters, digits and _ . -, a letter first"
)
_RULE = Shape(
    ParameterRule,
    {
        "refuse": Key(kinds.FLAG, "Say true, or write refuse instead of the rule, and no request may have it."),
        "min": Key(NUMBER, "The least that it may be."),
        "max": Key(NUMBER, "The most that it may be."),
        "values": Key(ListOf(_Value()), "What it may be, one of these."),
        "length": Key(kinds.Whole(0, 10**9), "How many characters, items or members it may have."),
        "over": Key(
            kinds.Choice("treatment", {"refuse": "refuse", "clamp": "clamp"}),
            "What becomes of a number beyond min or max: the request is refused, or the bound takes its place.",
        ),
        "default": Key(_Value(), "What the model server gets where a request does not say."),
        "set": Key(_Value(), "What the model server gets, whatever a request says."),
    },
)
PARAMETERS: Kind[Parameters] = Shape(
    Parameters,
    {
        "allow": Key(
            ListOf(_NAME, may_be_empty=True),
            "The parameters that a request may have besides its payload and those of rules; without this key, any.",
        ),
        "rules": Key(MapOf(_NAME, _Rule(_RULE)), "What single parameters may be, by name."),
    },
)


def findings(parameters: Parameters | None) -> Iterator[tuple[Path, str]]:
    """What contradicts itself, or can have no effect."""
    if parameters is None:
        return
    if parameters.allow is None and not parameters.rules:
        yield (), "says nothing; name parameters in allow or rules"
    folded: dict[str, str] = {}
    for name, rule in parameters.rules.items():
        if name.casefold() in PAYLOAD:
            yield ("rules", name), "is part of the payload and no parameter"
        twin = folded.setdefault(name.casefold(), name)
        if twin != name:
            yield ("rules", name), f"is the same parameter as {twin}: case does not count"
        for key, message in _rule_findings(rule):
            yield ("rules", name, *key), message
    for number, name in enumerate(parameters.allow or ()):
        said = parameters.rules.get(name)
        if said is not None and said.refuse:
            yield ("allow", number), "a rule refuses this parameter"


def _rule_findings(rule: ParameterRule) -> Iterator[tuple[Path, str]]:
    bounds = [bound for bound in (rule.min, rule.max) if bound is not None]
    if rule.refuse and rule != ParameterRule(refuse=True):
        yield (), "refuses the parameter; nothing else can be said of it"
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        yield ("min",), "is more than max"
    if rule.over == "clamp" and not bounds:
        yield ("over",), "has no effect without min or max"
    if rule.values and (bounds or rule.length is not None):
        yield ("values",), "says it all; leave min, max and length out"
    if rule.set is not None and rule != ParameterRule(set=rule.set):
        yield ("set",), "replaces whatever is asked for; leave the other keys out"
    if rule.default is not None and not _is_within(rule, rule.default):
        yield ("default",), "is not what the parameter may be"


def _is_within(rule: ParameterRule, value: Value) -> bool:
    if rule.values:
        return any(type(value) is type(known) and value == known for known in rule.values)
    if rule.min is not None or rule.max is not None:
        if isinstance(value, bool | str):
            return False
        return (rule.min is None or value >= rule.min) and (rule.max is None or value <= rule.max)
    return rule.length is None or (isinstance(value, str) and len(value) <= rule.length)
