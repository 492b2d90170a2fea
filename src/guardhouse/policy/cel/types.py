"""The types of an expression: every name known, every operation between things that fit, and a condition at the end.

The evaluating library compares a number with a text without complaint and says false, and finds other mistakes only
when it comes upon them. In a policy that would be protection that is believed in and is not there, so it is judged
while loading. What remains for evaluation are the failures that depend on values: a key that a map lacks, an index
beyond a list, a division by zero.

A type is a word; lists and maps (of text to something) name what they hold: `list(text)`, `map(list(text))`.
"""

from collections.abc import Callable, Mapping

import msgspec

from guardhouse.policy.cel.syntax import (
    Binary,
    Call,
    Choice,
    Index,
    Many,
    Member,
    Name,
    Node,
    Unary,
    Value,
    WrongError,
)
from guardhouse.policy.problem import quote, unknown

Scope = Mapping[str, str]  # name -> type

_NUMBERS = frozenset(("int", "double"))
_ORDERED = frozenset(("int", "double", "text", "time", "duration"))
_OF_PYTHON = {bool: "bool", int: "int", float: "double", str: "text"}
_ADDED = {
    ("+", "time", "duration"): "time",
    ("-", "time", "duration"): "time",
    ("-", "time", "time"): "duration",
}
MACROS = frozenset(("exists", "all", "exists_one", "filter", "map"))


class Function(msgspec.Struct, frozen=True):
    """`of` is the type before the dot; empty for one that is called by itself."""

    of: str
    arguments: tuple[str, ...]
    result: str
    literal: bool = False  # its argument is written out, so that it is tried while loading


FUNCTIONS: dict[str, tuple[Function, ...]] = {
    "contains": (Function("text", ("text",), "bool"),),
    "startsWith": (Function("text", ("text",), "bool"),),
    "endsWith": (Function("text", ("text",), "bool"),),
    "matches": (Function("text", ("text",), "bool", literal=True),),
    "timestamp": (Function("", ("text",), "time", literal=True),),
    "duration": (Function("", ("text",), "duration", literal=True),),
    "string": tuple(Function("", (of,), "text") for of in ("int", "double", "bool")),
    "int": (Function("", ("double",), "int"),),
    "double": (Function("", ("int",), "double"),),
    **{
        name: (Function("time", (), "int"),)
        for name in ("getFullYear", "getMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes")
    },
}


def check(node: Node, scope: Scope) -> str:
    """The type of `node`; WrongError says what is wrong with it."""
    checker: Callable[[Node, Scope], str] = _CHECKERS[type(node)]
    return checker(node, scope)


def _value(node: Value, scope: Scope) -> str:  # noqa: ARG001 - one signature for every kind of node
    return _OF_PYTHON[type(node.value)]


def _name(node: Name, scope: Scope) -> str:
    if node.name not in scope:
        raise WrongError(unknown("name", node.name, scope))
    return scope[node.name]


def _many(node: Many, scope: Scope) -> str:
    kinds = [check(item, scope) for item in node.items]
    if not kinds:
        raise WrongError("an empty list has no use here")
    if any(kind != kinds[0] for kind in kinds):
        raise WrongError(f"a list holds both {kinds[0]} and {next(kind for kind in kinds if kind != kinds[0])}")
    return f"list({kinds[0]})"


def _member(node: Member, scope: Scope) -> str:
    kind = check(node.of, scope)
    if not kind.startswith("map("):
        raise WrongError(f"{kind} has no member {quote(node.name)}")
    return _held(kind)


def _index(node: Index, scope: Scope) -> str:
    kind, index = check(node.of, scope), check(node.index, scope)
    wanted = "text" if kind.startswith("map(") else "int"
    if not kind.startswith(("map(", "list(")) or index != wanted:
        raise WrongError(f"{kind} has no element at {index}")
    return _held(kind)


def _unary(node: Unary, scope: Scope) -> str:
    kind = check(node.of, scope)
    if node.sign == "!" and kind != "bool":
        raise WrongError(f"! is for bool, not {kind}")
    if node.sign == "-" and kind not in _NUMBERS:
        raise WrongError(f"- is for numbers, not {kind}")
    return kind


def _binary(node: Binary, scope: Scope) -> str:
    sign, left, right = node.sign, check(node.left, scope), check(node.right, scope)
    if sign in ("&&", "||"):
        fits, result = left == right == "bool", "bool"
    elif sign in ("==", "!="):
        fits, result = left == right or {left, right} == _NUMBERS, "bool"
    elif sign == "in":
        fits, result = right == f"list({left})" or (right.startswith("map(") and left == "text"), "bool"
    elif sign in ("<", "<=", ">", ">="):
        fits, result = (left == right and left in _ORDERED) or {left, right} == _NUMBERS, "bool"
    elif (sign, left, right) in _ADDED:
        fits, result = True, _ADDED[sign, left, right]
    elif sign == "+":
        fits, result = left == right and (left in {*_NUMBERS, "text", "duration"} or left.startswith("list(")), left
    elif sign == "%":
        fits, result = left == right == "int", left
    else:
        fits, result = left == right and left in (_NUMBERS | {"duration"} if sign == "-" else _NUMBERS), left
    if not fits:
        raise WrongError(f"{sign} does not go between {left} and {right}")
    return result


def _choice(node: Choice, scope: Scope) -> str:
    condition, then, otherwise = (check(one, scope) for one in (node.condition, node.then, node.otherwise))
    if condition != "bool":
        raise WrongError(f"what stands before ? is {condition}, not bool")
    if then != otherwise:
        raise WrongError(f"? yields {then} or {otherwise}, which are different")
    return then


def _call(node: Call, scope: Scope) -> str:
    if node.name == "has" and node.of is None:
        if len(node.arguments) != 1 or not isinstance(node.arguments[0], Member):
            raise WrongError("has() takes one member, such as has(attributes.department)")
        check(node.arguments[0], scope)
        return "bool"
    if node.of is not None and node.name in MACROS:
        return _macro(node, node.of, scope)
    kinds = [check(argument, scope) for argument in node.arguments]
    before = "" if node.of is None else check(node.of, scope)
    if node.name == "size":
        return _size([before, *kinds] if before else kinds)
    if node.name not in FUNCTIONS:
        raise WrongError(unknown("function", node.name, [*FUNCTIONS, "size", "has", *MACROS]))
    for function in FUNCTIONS[node.name]:
        if function.of == before and list(function.arguments) == kinds:
            if function.literal and not isinstance(node.arguments[0], Value):
                raise WrongError(f"{node.name}() takes a text that is written out")
            return function.result
    raise WrongError(f"{node.name}() does not take {', '.join(filter(None, [before, *kinds])) or 'nothing'}")


def _size(kinds: list[str]) -> str:
    if len(kinds) != 1 or not (kinds[0] == "text" or kinds[0].startswith(("list(", "map("))):
        raise WrongError(f"size() does not take {', '.join(kinds) or 'nothing'}")
    return "int"


def _macro(node: Call, of: Node, scope: Scope) -> str:
    kind = check(of, scope)
    if not kind.startswith(("list(", "map(")):
        raise WrongError(f"{node.name}() is for lists and maps, not {kind}")
    if len(node.arguments) != 2 or not isinstance(node.arguments[0], Name):
        raise WrongError(f"{node.name}() takes a name and what is said of it")
    name = node.arguments[0].name
    if name in scope:
        raise WrongError(f"{quote(name)} has a meaning already; take another name in {node.name}()")
    element = _held(kind) if kind.startswith("list(") else "text"
    said = check(node.arguments[1], {**scope, name: element})
    if node.name == "map":
        return f"list({said})"
    if said != "bool":
        raise WrongError(f"what {node.name}() says of each is {said}, not bool")
    return f"list({element})" if node.name == "filter" else "bool"


def _held(kind: str) -> str:
    return kind[kind.index("(") + 1 : -1]


_CHECKERS: dict[type, Callable[..., str]] = {
    Value: _value,
    Name: _name,
    Many: _many,
    Member: _member,
    Index: _index,
    Unary: _unary,
    Binary: _binary,
    Choice: _choice,
    Call: _call,
}
