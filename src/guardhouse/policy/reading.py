"""How a tree becomes typed values: the kinds of value a key can have, and the containers they stand in.

A `Kind` does two things from one definition: it reads a node, yielding a value or, after telling the problem, `UNREAD`;
and it describes itself as JSON Schema, so the published schema cannot say something else than the decoder. `show` is
the way back from a value to how it is written, for the defaults in that schema.

Reading goes on after a problem. Where a list or mapping is of use without one of its elements (the policies, models and
targets), the element is left out and its path kept in `Reading.unread`, so that later checks do not take a broken thing
for a missing one; everywhere else a whole with a broken part is itself broken.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any, Final, Generic, TypeVar

import msgspec

from guardhouse.policy.problem import Path, Problem, Told, quote, unknown
from guardhouse.policy.source import Broken, Listing, Node, Scalar, Table

T = TypeVar("T")
Schema = dict[str, Any]


class Unread(Enum):
    UNREAD = "unread"


UNREAD: Final = Unread.UNREAD


class Reading:
    """What reading one file has found wrong so far."""

    def __init__(self, file: str) -> None:
        self.told = Told(file)
        self.unread: set[Path] = set()

    @property
    def problems(self) -> list[Problem]:
        return self.told.problems

    def tell(self, line: int, path: Path, message: str) -> Unread:
        self.told.tell(line, path, message)
        return UNREAD

    def unknown(self, line: int, path: Path, what: str, word: str, known: Collection[str]) -> Unread:
        """That `word` is none of the known ones."""
        return self.tell(line, path, "" if self.told.full else unknown(what, word, known))

    def mistyped(self, node: Node, path: Path, wanted: str) -> Unread:
        """The value is of another type than `wanted`; a broken one has been told of already."""
        if isinstance(node, Broken):
            return UNREAD
        return self.tell(node.line, path, f"must be {wanted}, not {_type_of(node)}")


class Kind(ABC, Generic[T]):
    @abstractmethod
    def read(self, node: Node, path: Path, reading: Reading) -> T | Unread: ...

    @abstractmethod
    def schema(self) -> Schema: ...

    def show(self, value: T) -> Any:
        return value


class ListOf(Kind[tuple[T, ...]]):
    """A list of different values; with `partial`, of things of which the readable ones stand even if others do not."""

    def __init__(self, item: Kind[T], *, may_be_empty: bool = False, partial: bool = False) -> None:
        self._item = item
        self._may_be_empty = may_be_empty
        self._partial = partial

    def read(self, node: Node, path: Path, reading: Reading) -> tuple[T, ...] | Unread:
        if not isinstance(node, Listing):
            return reading.mistyped(node, path, "a list")
        if not node.items and not self._may_be_empty:
            return reading.tell(node.line, path, "must name at least one")
        values: list[T] = []
        seen: set[T] = set()
        complete = True
        for index, item in enumerate(node.items):
            place = (*path, index)
            value = self._item.read(item, place, reading)
            if isinstance(value, Unread):
                complete = False
                reading.unread.add(place)
                continue
            if not self._partial:
                if value in seen:
                    reading.tell(item.line, place, "is in the list already")
                seen.add(value)
            values.append(value)
        return tuple(values) if complete or self._partial else UNREAD

    def schema(self) -> Schema:
        least: Schema = {} if self._may_be_empty else {"minItems": 1}
        unique: Schema = {} if self._partial else {"uniqueItems": True}
        return {"type": "array", "items": self._item.schema(), **unique, **least}

    def show(self, value: tuple[T, ...]) -> Any:
        return [self._item.show(item) for item in value]


class OneOrMore(ListOf[T]):
    """A list, or its only item without the brackets."""

    def read(self, node: Node, path: Path, reading: Reading) -> tuple[T, ...] | Unread:
        if isinstance(node, Listing):
            return super().read(node, path, reading)
        value = self._item.read(node, path, reading)
        return value if isinstance(value, Unread) else (value,)

    def schema(self) -> Schema:
        return {"anyOf": [self._item.schema(), super().schema()]}


class MapOf(Kind[dict[str, T]]):
    """A mapping whose keys are names of the operator's choosing."""

    def __init__(self, name: "Kind[str]", item: Kind[T]) -> None:
        self._name = name
        self._item = item

    def read(self, node: Node, path: Path, reading: Reading) -> dict[str, T] | Unread:
        if not isinstance(node, Table):
            return reading.mistyped(node, path, "a mapping")
        if not node.entries:
            return reading.tell(node.line, path, "must name at least one")
        values: dict[str, T] = {}
        for key, entry in node.entries.items():
            place = (*path, key)
            name = self._name.read(Scalar(key, entry.line), place, reading)
            value = self._item.read(entry.node, place, reading)
            if isinstance(name, Unread) or isinstance(value, Unread):
                reading.unread.add(place)
            else:
                values[name] = value
        return values

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": self._name.schema(),
            "additionalProperties": self._item.schema(),
            "minProperties": 1,
        }


class Key(msgspec.Struct, frozen=True):
    """One key of a mapping: the kind of its value and what it means."""

    kind: Kind[Any]
    meaning: str


S = TypeVar("S", bound=msgspec.Struct)


class Shape(Kind[S]):
    """A mapping with fixed keys, read into the struct that names them; the struct says what has which default."""

    def __init__(self, struct: type[S], keys: Mapping[str, Key]) -> None:
        self.struct = struct
        self.keys = keys
        self._fields = {field.name: field for field in msgspec.structs.fields(struct)}
        if self._fields.keys() != keys.keys():
            raise TypeError(f"{struct.__name__} and its keys differ")

    def read(self, node: Node, path: Path, reading: Reading) -> S | Unread:
        parts = self.read_parts(node, path, reading)
        if parts is None or any(isinstance(value, Unread) for value in parts.values()):
            return UNREAD
        return self.struct(**parts)

    def read_parts(self, node: Node, path: Path, reading: Reading) -> dict[str, Any] | None:
        """The value of each key that is there, `UNREAD` among them; None when there is nothing to build from."""
        if not isinstance(node, Table):
            reading.mistyped(node, path, "a mapping")
            return None
        complete = self._told_missing(node, path, reading)
        parts: dict[str, Any] = {}
        for name, entry in node.entries.items():
            place = (*path, name)
            known = self.keys.get(name)
            if known is None:
                reading.unknown(entry.line, path, "key", name, self.keys)
            elif isinstance(entry.node, Scalar) and entry.node.value is None:
                parts[name] = reading.tell(entry.line, place, "has no value; leave the key out if none is meant")
            else:
                parts[name] = known.kind.read(entry.node, place, reading)
        return parts if complete else None

    def _told_missing(self, node: Table, path: Path, reading: Reading) -> bool:
        missing = [name for name, field in self._fields.items() if field.required and name not in node.entries]
        for name in missing:
            reading.tell(node.line, path, f"the key {quote(name)} is missing")
        return not missing

    def schema(self) -> Schema:
        required = [name for name, field in self._fields.items() if field.required]
        described: Schema = {
            "type": "object",
            "properties": {name: self._property(name, key) for name, key in self.keys.items()},
            "additionalProperties": False,
        }
        return {**described, "required": required} if required else described

    def _property(self, name: str, key: Key) -> Schema:
        described = {**key.kind.schema(), "description": key.meaning}
        default = self._fields[name].default
        if isinstance(key.kind, Shape) or default in (msgspec.NODEFAULT, None, ()):
            return described
        return {**described, "default": key.kind.show(default)}


def _type_of(node: Node) -> str:
    if isinstance(node, Listing):
        return "a list"
    if isinstance(node, Table):
        return "a mapping"
    assert isinstance(node, Scalar)
    if isinstance(node.value, bool):
        return "true or false"
    if isinstance(node.value, int | float):
        return "a number"
    return "text" if isinstance(node.value, str) else "nothing"
