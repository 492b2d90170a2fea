"""The Common Expression Language, as much of it as policies use: text to a tree.

The library that evaluates expressions does not check their types, so the tree is made here once more, for types.py to
judge while a configuration is loaded. What this grammar leaves out (maps and messages as literals, bytes, unsigned
numbers) is refused there and then; the library knows more than is accepted here, never less.

Precedence, loosest first: `? :`, `||`, `&&`, comparisons and `in`, `+ -`, `* / %`, unary `! -`, then `.name`, `[index]`
and calls. Length and depth are bounded.
"""

import re
from typing import Literal

import msgspec

MOST_CHARACTERS = 1000
_DEEPEST = 32

_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?)|"
    r"(?P<int>0x[0-9a-fA-F]+|[0-9]+)(?![A-Za-z0-9_.])|"
    r"(?P<text>\"(?:[^\"\\\n]|\\[\\\"'nrt])*\"|'(?:[^'\\\n]|\\[\\\"'nrt])*')|"
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?![\"'])|"
    r"(?P<mark>&&|\|\||==|!=|<=|>=|[<>!+\-*/%?:.,()\[\]])"
    r")"
)
_BINARY: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("==", "!=", "<", "<=", ">", ">=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
_WORDS = {"true": True, "false": False}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class Value(msgspec.Struct, frozen=True):
    value: str | int | float | bool


class Name(msgspec.Struct, frozen=True):
    name: str


class Many(msgspec.Struct, frozen=True):
    items: "tuple[Node, ...]"


class Member(msgspec.Struct, frozen=True):
    of: "Node"
    name: str


class Index(msgspec.Struct, frozen=True):
    of: "Node"
    index: "Node"


class Call(msgspec.Struct, frozen=True):
    of: "Node | None"  # what stands before the dot
    name: str
    arguments: "tuple[Node, ...]"


class Unary(msgspec.Struct, frozen=True):
    sign: Literal["!", "-"]
    of: "Node"


class Binary(msgspec.Struct, frozen=True):
    sign: str
    left: "Node"
    right: "Node"


class Choice(msgspec.Struct, frozen=True):
    condition: "Node"
    then: "Node"
    otherwise: "Node"


Node = Value | Name | Many | Member | Index | Call | Unary | Binary | Choice


class WrongError(Exception):
    """What is wrong with an expression, for its author. Never leaves this package."""


def parse(source: str) -> Node:
    if len(source) > MOST_CHARACTERS:
        raise WrongError(f"is longer than {MOST_CHARACTERS} characters")
    parser = _Parser(_tokens(source))
    node = parser.expression()
    if parser.token[0] != "end":
        raise WrongError(f"{parser.here} is not expected here")
    return node


def _tokens(source: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, end = 0, len(source.rstrip())
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None or match.lastgroup is None:
            raise WrongError(f"cannot be read from character {position + 1} on")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return [*found, ("end", "")]


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    @property
    def token(self) -> tuple[str, str]:
        return self._tokens[self._position]

    @property
    def here(self) -> str:
        kind, text = self.token
        return "its end" if kind == "end" else f"{text:.40}"

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise WrongError("is nested too deeply")
        node = self._binary(0)
        if self._takes("?"):
            then = self.expression()
            self._expect(":")
            node = Choice(node, then, self.expression())
        self._depth -= 1
        return node

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        node = self._binary(level + 1)
        while self.token[1] in _BINARY[level] and self.token[0] != "text":
            sign = self.token[1]
            self._position += 1
            node = Binary(sign, node, self._binary(level + 1))
        return node

    def _unary(self) -> Node:
        if self._takes("!"):
            return Unary("!", self._deeper())
        if self._takes("-"):
            return Unary("-", self._deeper())
        return self._postfix(self._primary())

    def _deeper(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise WrongError("is nested too deeply")
        node = self._unary()
        self._depth -= 1
        return node

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._takes("."):
                kind, name = self.token
                if kind != "name":
                    raise WrongError(f"a name is expected after the dot, not {self.here}")
                self._position += 1
                node = Call(node, name, self._arguments(")")) if self._takes("(") else Member(node, name)
            elif self._takes("["):
                index = self.expression()
                self._expect("]")
                node = Index(node, index)
            else:
                return node

    def _primary(self) -> Node:
        kind, text = self.token
        self._position += 1
        if kind == "int":
            return Value(int(text, 16) if text.startswith("0x") else int(text))
        if kind == "float":
            return Value(float(text))
        if kind == "text":
            return Value(re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1]))
        if kind == "name" and text in _WORDS:
            return Value(_WORDS[text])
        if kind == "name" and text != "in":
            return Call(None, text, self._arguments(")")) if self._takes("(") else Name(text)
        if (kind, text) == ("mark", "("):
            node = self.expression()
            self._expect(")")
            return node
        if (kind, text) == ("mark", "["):
            return Many(self._arguments("]"))
        self._position -= 1
        raise WrongError(f"a value is expected, not {self.here}")

    def _arguments(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        if self._takes(end):
            return ()
        while True:
            found.append(self.expression())
            if self._takes(end):
                return tuple(found)
            self._expect(",")

    def _takes(self, mark: str) -> bool:
        if self.token == ("mark", mark):
            self._position += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._takes(mark):
            raise WrongError(f"{mark} is expected, not {self.here}")
