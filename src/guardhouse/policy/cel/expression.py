"""A condition written as an expression: what it may speak of, whether it is sound, and whether it holds.

`VARIABLES` is all that an expression can know; docs/policy.md lists it, and a test compares the two. An expression is
compiled while loading and evaluated only where everything else of its policy matches, with no more variables than it
names. It has no access to the text of a prompt.

The cost of one is bounded by what it is written over: there is no loop but over a list, and none inside of another, for
the lists are as long as callers have groups, and every request would pay for their product.

Evaluation can fail for values that nobody thought of. That is an answer of its own, `None`, and whoever asks has to
take it against the caller.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.cel.engine import compile_expression, evaluate
from guardhouse.policy.cel.syntax import Binary, Call, Choice, Index, Many, Member, Name, Node, Unary, Value, WrongError
from guardhouse.policy.cel.syntax import parse as parse_source
from guardhouse.policy.cel.types import MACROS, check
from guardhouse.policy.facts import Facts

Regions = tuple[str, ...]


class Scene(msgspec.Struct, frozen=True):
    """Everything about one use, for expressions to pick from."""

    principal: Principal
    operation: Operation
    model: str
    version: str
    tags: frozenset[str]
    model_attributes: dict[str, frozenset[str]]
    regions: Regions
    facts: Facts
    networks: frozenset[str]
    hours: frozenset[str]
    features: frozenset[str] = frozenset()


class Variable(msgspec.Struct, frozen=True):
    type: str
    meaning: str
    of: Callable[[Scene], Any]


def _lists(attributes: dict[str, frozenset[str]]) -> dict[str, list[str]]:
    return {name: sorted(values) for name, values in attributes.items()}


VARIABLES: dict[str, Variable] = {
    "id": Variable("text", "the principal's id", lambda scene: scene.principal.id),
    "groups": Variable("list(text)", "its groups", lambda scene: sorted(scene.principal.groups)),
    "roles": Variable("list(text)", "its roles", lambda scene: sorted(scene.principal.roles)),
    "scopes": Variable("list(text)", "the scopes of its credential", lambda scene: sorted(scene.principal.scopes)),
    "team": Variable("text", "its team; empty if it has none", lambda scene: scene.principal.team),
    "tier": Variable("text", "its tier; empty if it has none", lambda scene: scene.principal.tier),
    "attributes": Variable("map(list(text))", "its attributes", lambda scene: _lists(scene.principal.attributes)),
    "method": Variable("text", "how it was identified", lambda scene: scene.principal.method),
    "strength": Variable("text", "how strongly", lambda scene: scene.principal.strength),
    "issuer": Variable("text", "who vouches for it; empty for own keys", lambda scene: scene.principal.issuer),
    "operation": Variable("text", "what is asked for", lambda scene: scene.operation.word),
    "model": Variable("text", "the model; empty where none is concerned", lambda scene: scene.model),
    "version": Variable("text", "its version; empty if it has none", lambda scene: scene.version),
    "tags": Variable("list(text)", "its tags", lambda scene: sorted(scene.tags)),
    "model_attributes": Variable("map(list(text))", "its attributes", lambda scene: _lists(scene.model_attributes)),
    "regions": Variable("list(text)", "where its servers are", lambda scene: list(scene.regions)),
    "client": Variable("text", "the caller's address", lambda scene: scene.facts.client),
    "networks": Variable("list(text)", "the networks that it is in", lambda scene: sorted(scene.networks)),
    "hours": Variable("list(text)", "the hours that it is", lambda scene: sorted(scene.hours)),
    "features": Variable("list(text)", "the features that are on for it", lambda scene: sorted(scene.features)),
    "at": Variable("time", "when the request came", lambda scene: datetime.fromtimestamp(scene.facts.at, UTC)),
    "size": Variable("int", "bytes of the request's document", lambda scene: scene.facts.size),
    "stream": Variable("bool", "whether the answer is to be streamed", lambda scene: scene.facts.stream),
    "tools": Variable("bool", "whether tools are declared", lambda scene: scene.facts.tools),
    "risk": Variable("int", "the risk score of the prompt, 0 to 10", lambda scene: scene.facts.risk),
}
_SCOPE = {name: variable.type for name, variable in VARIABLES.items()}
_NOTHING = Scene(
    Principal(id="", credential_id=""), Operation.CHAT, "", "", frozenset(), {}, (), Facts(), frozenset(), frozenset()
)


class Expression:
    """A sound expression, ready to be asked."""

    __slots__ = ("_execute", "_variables", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._execute = compile_expression(source).execute
        self._variables = [(name, VARIABLES[name].of) for name in sorted(variables_of(source))]

    def __repr__(self) -> str:
        return f"<Expression {self.source:.60}>"

    def holds(self, scene: Scene) -> bool | None:
        """None: it cannot be evaluated for this."""
        try:
            outcome = self._execute({name: of(scene) for name, of in self._variables})
        except Exception:  # noqa: BLE001 - the library raises whatever Python has for it; all of them mean the same here
            return None
        return outcome if isinstance(outcome, bool) else None


def faults(source: str) -> str | None:
    """What is wrong with an expression; None if it is sound."""
    try:
        node = parse_source(source)
        kind = check(node, _SCOPE)
    except WrongError as error:
        return str(error)
    if kind != "bool":
        return f"is {kind}; a condition is bool"
    if not variables_of(source):
        return "is always the same: it speaks of nothing that a request could change"
    nested = next(_nested(node), None)
    if nested is not None:
        return f"{nested}() stands inside of what another one says of each"
    for literal in _literal_calls(node):
        try:
            evaluate(literal)
        except Exception:  # noqa: BLE001 - as above
            return f"{literal:.60} cannot be evaluated"
    try:
        Expression(source).holds(_NOTHING)
    except ValueError:
        return "is not taken by the evaluating library"
    return None


def variables_of(source: str) -> frozenset[str]:
    """The variables that a sound expression names."""
    return frozenset(node.name for node in _walk(parse_source(source)) if isinstance(node, Name)) & VARIABLES.keys()


def literals_in(source: str, variable: str) -> frozenset[str]:
    """The texts that are looked for in a list, as in `"office" in networks`."""
    return frozenset(
        node.left.value
        for node in _walk(parse_source(source))
        if isinstance(node, Binary) and node.sign == "in" and node.right == Name(variable)
        if isinstance(node.left, Value) and isinstance(node.left.value, str)
    )


def _literal_calls(node: Node) -> Iterator[str]:
    """The calls whose argument is written out and can be wrong by itself, as expressions of their own."""
    for one in _walk(node):
        if isinstance(one, Call) and one.name in ("matches", "timestamp", "duration"):
            written = msgspec.json.encode(getattr(one.arguments[0], "value", "")).decode()
            yield f'"".matches({written})' if one.name == "matches" else f"{one.name}({written})"


def _nested(node: Node) -> Iterator[str]:
    """Macros in the body of macros, whose cost is the product of lists that callers may fill."""
    for one in _walk(node):
        if isinstance(one, Call) and one.of is not None and one.name in MACROS:
            inner = (each for each in _walk(one.arguments[1]) if isinstance(each, Call) and each.of is not None)
            yield from (each.name for each in inner if each.name in MACROS)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for part in _parts(node):
        yield from _walk(part)


def _parts(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Many):
        return node.items
    if isinstance(node, Member | Unary):
        return (node.of,)
    if isinstance(node, Index):
        return (node.of, node.index)
    if isinstance(node, Binary):
        return (node.left, node.right)
    if isinstance(node, Choice):
        return (node.condition, node.then, node.otherwise)
    if isinstance(node, Call):
        return (*(() if node.of is None else (node.of,)), *node.arguments)
    return ()
