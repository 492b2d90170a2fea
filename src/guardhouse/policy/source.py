"""Configuration text to a plain tree in which every key and value still knows its line.

The language is a strict part of YAML: mappings with text keys, lists and scalars. Left out on purpose, each with its
own message: anchors and aliases (and so the documents that grow while they are read), tags, several documents, and the
words of YAML 1.1 that read as something other than what was written: `no`, `on`, `012`, `12:30`, `<<` and dates are
text here, as in YAML 1.2. A key that stands twice is a problem, never a silent second value.

The tree is built from parse events with a bound on size and depth, so hostile text costs little and raises nothing.
What could not be read becomes `Broken`, which later steps pass over: one mistake is told once.
"""

import re
from collections.abc import Iterator

import msgspec
import yaml

from guardhouse.policy.problem import Path, Problem, Told, quote
from guardhouse.policy.slips import explain

MOST_BYTES = 512 * 1024
_DEEPEST = 16

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


class Scalar(msgspec.Struct, frozen=True):
    value: str | int | float | bool | None
    line: int


class Listing(msgspec.Struct, frozen=True):
    items: "tuple[Node, ...]"
    line: int


class Table(msgspec.Struct, frozen=True):
    entries: "dict[str, Entry]"
    line: int


class Broken(msgspec.Struct, frozen=True):
    line: int


Node = Scalar | Listing | Table | Broken


class Entry(msgspec.Struct, frozen=True):
    node: Node
    line: int  # of the key


class Source(msgspec.Struct, frozen=True):
    root: Node
    problems: tuple[Problem, ...]
    more: int = 0  # problems that are not among them


def parse(content: bytes, file: str) -> Source:
    if len(content) > MOST_BYTES:
        return _unreadable(file, 0, f"larger than {MOST_BYTES // 1024} KiB, which is all that is taken")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unreadable(file, content.count(b"\n", 0, error.start) + 1, "not UTF-8")
    builder = _Builder(text, file)
    try:
        root = builder.document()
    except _TooDeepError:
        return _unreadable(file, builder.line, "nested too deeply")
    except yaml.MarkedYAMLError as error:
        line, why = explain(error, text)
        return _unreadable(file, line, why)
    except yaml.reader.ReaderError as error:
        return _unreadable(file, text.count("\n", 0, error.position) + 1, "a character that YAML does not allow")
    except (ValueError, OverflowError):  # PyYAML lets an escape beyond Unicode through to chr()
        return _unreadable(file, builder.line, "an escape that names no character")
    return Source(root, tuple(builder.told.problems), builder.told.more)


def line_of(root: Node, path: Path) -> int:
    """The line of what stands at `path`, or of the nearest thing above it that is there."""
    node, line = root, root.line
    for step in path:
        if isinstance(node, Table) and isinstance(step, str) and step in node.entries:
            entry = node.entries[step]
            node, line = entry.node, entry.line
        elif isinstance(node, Listing) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            line = node.line
        else:
            break
    return line


class _TooDeepError(Exception):
    """Ends the building of a tree; never leaves this file."""


class _Builder:
    def __init__(self, text: str, file: str) -> None:
        self.told = Told(file)
        self.line = 1
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)

    def document(self) -> Node:
        self._next()  # the stream begins
        if isinstance(self._next(), yaml.StreamEndEvent):
            self._tell((), "the file is empty")
            return Broken(1)
        root = self._node(self._next(), (), 0)
        self._next()  # the document ends
        if not isinstance(self._next(), yaml.StreamEndEvent):
            self._tell((), "a second document begins here; there is one per file")
        return root

    def _next(self) -> yaml.Event:
        event = next(self._events)
        if event.start_mark is not None:
            self.line = event.start_mark.line + 1
        return event

    def _tell(self, path: Path, message: str, line: int = 0) -> None:
        self.told.tell(line or self.line, path, message)

    def _node(self, event: yaml.Event, path: Path, depth: int) -> Node:
        line = self.line
        if isinstance(event, yaml.AliasEvent):
            self._tell(path, "aliases are not used here; if an asterisk is meant, put the value in quotes")
            return Broken(line)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        refused = self._refused(event, path, depth)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(_value(event), line)
        elif isinstance(event, yaml.MappingStartEvent):
            node = self._table(path, depth, line)
        else:
            node = self._listing(path, depth, line)
        return Broken(line) if refused else node

    def _refused(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, path: Path, depth: int) -> bool:
        """Whether the value that begins here is not taken; its end is still read, to find what else is wrong."""
        sound = event.anchor is None and event.tag is None
        if event.anchor is not None:
            self._tell(path, "anchors are not used here")
        if event.tag is not None:
            self._tell(path, "tags are not used here")
        if isinstance(event, yaml.ScalarEvent):
            if _SURROGATE.search(event.value):
                self._tell(path, "holds half of a surrogate pair, which is no character")
                sound = False
        elif depth == _DEEPEST:
            raise _TooDeepError
        return not sound

    def _listing(self, path: Path, depth: int, line: int) -> Listing:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), depth + 1))
        return Listing(tuple(items), line)

    def _table(self, path: Path, depth: int, line: int) -> Table:
        entries: dict[str, Entry] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key_line = self.line
            key = self._node(event, path, depth + 1)
            name = key.value if isinstance(key, Scalar) else None
            if not isinstance(name, str):
                if not isinstance(key, Broken):
                    self._tell(path, "a key must be text; put it in quotes", key_line)
                self._node(self._next(), path, depth + 1)
                continue
            node = self._node(self._next(), (*path, name), depth + 1)
            if name in entries:
                first = entries[name].line
                self._tell(path, f"the key {quote(name)} stands here again, after line {first}", key_line)
            else:
                entries[name] = Entry(node, key_line)
        return Table(entries, line)


def _value(event: yaml.ScalarEvent) -> str | int | float | bool | None:
    text: str = event.value
    if event.style:  # quoted or a block: always text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else text


def _unreadable(file: str, line: int, why: str) -> Source:
    return Source(Broken(line), (Problem(file, line, "", f"cannot be read: {why}"),))
