"""Which strings of a document are structured parameters: names, ids and settings, where programs expect no free text.

Free text is not among them, since people rightly talk about queries and commands in prompts, and neither are arguments
of tool calls and schemas: an agent that writes code has commands in them by trade.

`structured` is for documents of the known APIs, where it is known what is payload: strings at the top beside it,
everything in `metadata` and in objects of settings, and ids and names wherever they stand, as of messages, tools,
choices and tensors.

`structured_anywhere` is for documents of declared routes, of which nothing is known but what the configuration says. So
every string is one, at whatever depth of lists and objects, and every name of a member; but not at a place that is
declared to be a text, under a name that payload has everywhere, or as an entry of a list without a name.

Each comes with the trail that leads to it, of which `place_of` makes a path where somebody is to be told: names that a
caller may have made up are replaced there, so that no content gets into an error. Documents are as deep as the decoder
lets them be, and all of that is looked through, in a time that depends on their size alone.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

Trail = tuple[Any, ...]  # empty, or the trail to what holds it and its key or index there
Parameter = tuple[Trail, str]
Places = Collection[tuple[int, Any]]  # the id of what holds it, and its key or index there

START: Final[Trail] = ()
_HIDDEN: Final = "*"
_PAYLOAD: Final = frozenset(
    (
        *("description", "input", "instructions", "messages", "prediction", "prompt", "query", "suffix", "system"),
        *("template", "text", "thinking"),
    )
)
_PAYLOAD_ANYWHERE: Final = _PAYLOAD | frozenset(
    (
        *("arguments", "content", "contents", "documents", "inputs", "instances", "passages", "prompts", "queries"),
        *("question", "sentences", "texts"),
    )
)
_NAMELESS: Final = "text"  # what stands under no name is what stands under this one
_SETTINGS: Final = frozenset(("extra_body", "generation_config", "metadata", "options", "parameters"))
_SETTINGS_ENDINGS: Final = ("args", "params")
_DECLARATIONS: Final = frozenset(("functions", "tools"))
_SCHEMAS: Final = frozenset(("input_schema", "parameters", "schema"))
_TENSORS: Final = frozenset(("inputs", "outputs"))
_LONGEST_NAME: Final = 32


def place_of(trail: Trail) -> str:
    """As a path, such as `messages[0].name`."""
    steps: list[str | int] = []
    while trail:
        steps.append(trail[1])
        trail = trail[0]
    text = ""
    for step in reversed(steps):
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + _shown(step)
    return text


def structured(document: dict[str, Any], at: Trail = START) -> Iterator[Parameter]:
    """Those of a request of a known API."""
    for name, value in document.items():
        folded = name.casefold()
        if type(value) is str:
            if folded not in _PAYLOAD:
                yield (at, name), value
        elif folded in _SETTINGS or folded.endswith(_SETTINGS_ENDINGS):
            yield from _leaves(value, (at, name))
        elif type(value) is dict or type(value) is list:
            yield from _names(value, (at, name), folded)


def structured_anywhere(document: Any, texts: Places) -> Iterator[Parameter]:
    """Those of a request of a declared route; `texts` are the places of what is declared to be one."""
    begin: Trail = START if type(document) is dict else (START, "document")
    level: list[tuple[Any, Trail, str]] = [(document, begin, _NAMELESS)]
    known: set[str] = set()  # names that have been told
    while level:
        below: list[tuple[Any, Trail, str]] = []
        for node, trail, under in level:
            if type(node) is dict:
                yield from _members(node, trail, under, texts, known, below)
            else:
                yield from _entries(node, trail, under, texts, below)
        level = below


def _members(  # noqa: PLR0917 - a step of the walk above
    node: dict[str, Any], trail: Trail, under: str, texts: Places, known: set[str], below: list[tuple[Any, Trail, str]]
) -> Iterator[Parameter]:
    declares = under in _DECLARATIONS
    for name, value in node.items():
        folded = name.casefold()
        if name not in known:
            known.add(name)
            yield (trail, name), name
        if type(value) is str:
            if folded not in _PAYLOAD_ANYWHERE and (id(node), name) not in texts:
                yield (trail, name), value
        elif type(value) is dict or type(value) is list:
            passed_over = _is_called_with(name, node) or (declares and folded in _SCHEMAS)
            if not passed_over:
                below.append((value, (trail, name), under if declares else folded))


def _entries(
    node: list[Any], trail: Trail, under: str, texts: Places, below: list[tuple[Any, Trail, str]]
) -> Iterator[Parameter]:
    looked_at = under not in _PAYLOAD_ANYWHERE
    for number, value in enumerate(node):
        if type(value) is dict or type(value) is list:
            below.append((value, (trail, number), under))
        elif looked_at and type(value) is str and (id(node), number) not in texts:
            yield (trail, number), value


def _leaves(root: Any, at: Trail) -> Iterator[Parameter]:
    """Everything, names as well."""
    stack: list[tuple[Any, Trail]] = [(root, at)]
    while stack:
        node, trail = stack.pop()
        if type(node) is str:
            yield trail, node
        elif type(node) is dict:
            hidden: Trail = (trail, _HIDDEN)
            for name, value in node.items():
                yield hidden, name
                stack.append((value, hidden))
        elif type(node) is list:
            stack += [(value, (trail, number)) for number, value in enumerate(node)]


def _names(root: Any, at: Trail, within: str) -> Iterator[Parameter]:
    """Ids and names below a member of the document, and the parameters of tensors; `within` is that member's name."""
    stack: list[tuple[Any, Trail]] = [(root, at)]
    while stack:
        node, trail = stack.pop()
        if type(node) is list:
            for number, entry in enumerate(node):
                if type(entry) is dict or type(entry) is list:
                    stack.append((entry, (trail, number)))
            continue
        for name, value in node.items():
            kind = type(value)
            if kind is str:
                if _is_name(name):
                    yield (trail, name), value
            elif kind is dict or kind is list:
                is_of_tensor = name == "parameters" and within in _TENSORS
                if is_of_tensor or (kind is list and name.casefold().endswith(("_ids", "_names"))):
                    yield from _leaves(value, (trail, name))
                elif not _is_called_with(name, node) and name not in _SCHEMAS:
                    stack.append((value, (trail, name)))


def _is_called_with(name: str, node: dict[str, Any]) -> bool:
    """Whether the member holds what a tool is called with."""
    return name == "arguments" or (name == "input" and str(node.get("type")).endswith("tool_use"))


def _is_name(name: str) -> bool:
    folded = name.casefold()
    return folded == "id" or folded.endswith(("_id", "name", "_label"))


def _shown(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and len(name) <= _LONGEST_NAME else _HIDDEN
