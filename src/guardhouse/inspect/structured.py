"""Which strings of a document are structured parameters: names, ids and settings, where programs expect no free text.

Free text is not among them, since people rightly talk about queries and commands in prompts, and neither are arguments
of tool calls and schemas: an agent that writes code has commands in them by trade.

`structured` is for documents of the known APIs, where it is known what is payload: strings at the top beside it,
everything in `metadata` and in objects of settings, and ids and names wherever they stand, as of messages, tools,
choices and tensors.

`structured_anywhere` is for documents of declared routes, of which nothing is known but what the configuration says. So
every string is one, at whatever depth of lists and objects, and every name of a member; but not at a place that is
declared to be a text, under a name that payload has everywhere, or as an entry of a list without a name.

A place is a path in which names that a caller may have made up are replaced: no content gets into an error. Documents
are as deep as the decoder lets them be, and all of that is looked through.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

Parameter = tuple[str, str]  # place, value
Places = Collection[tuple[int, Any]]  # the id of what holds it, and its key or index there

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
_SETTINGS: Final = frozenset(("extra_body", "generation_config", "metadata", "options", "parameters"))
_SETTINGS_ENDINGS: Final = ("args", "params")
_DECLARATIONS: Final = frozenset(("functions", "tools"))
_SCHEMAS: Final = frozenset(("input_schema", "parameters", "schema"))
_TENSORS: Final = frozenset(("inputs", "outputs"))
_LONGEST_NAME: Final = 32


def structured(document: dict[str, Any]) -> Iterator[Parameter]:
    """Those of a request of a known API."""
    for name, value in document.items():
        folded = name.casefold()
        if type(value) is str:
            if folded not in _PAYLOAD:
                yield _shown(name), value
        elif folded in _SETTINGS or folded.endswith(_SETTINGS_ENDINGS):
            yield from _leaves(value, _shown(name))
        elif type(value) is dict or type(value) is list:
            yield from _names(value, _shown(name), folded)


def structured_anywhere(document: Any, texts: Places) -> Iterator[Parameter]:
    """Those of a request of a declared route; `texts` are the places of what is declared to be one."""
    yield from _members(document, "" if type(document) is dict else "document", "", texts, set())


def _leaves(node: Any, place: str) -> Iterator[Parameter]:
    if type(node) is str:
        yield place, node
    elif type(node) is dict:
        for name, value in node.items():
            yield f"{place}.*", name
            yield from _leaves(value, f"{place}.*")
    elif type(node) is list:
        for number, value in enumerate(node):
            yield from _leaves(value, f"{place}[{number}]")


def _names(node: Any, place: str, within: str) -> Iterator[Parameter]:
    """Ids and names below a member of the document, and the parameters of tensors; `within` is that member's name."""
    if type(node) is list:
        for number, entry in enumerate(node):
            if type(entry) is dict or type(entry) is list:
                yield from _names(entry, f"{place}[{number}]", within)
        return
    for name, value in node.items():
        kind = type(value)
        if kind is str:
            if _is_name(name):
                yield f"{place}.{_shown(name)}", value
        elif kind is dict or kind is list:
            here = f"{place}.{_shown(name)}"
            is_of_tensor = name == "parameters" and within in _TENSORS
            if is_of_tensor or (kind is list and name.casefold().endswith(("_ids", "_names"))):
                yield from _leaves(value, here)
            elif not _is_called_with(name, node) and name not in _SCHEMAS:
                yield from _names(value, here, within)


def _members(node: Any, place: str, under: str, texts: Places, known: set[str]) -> Iterator[Parameter]:
    """All below a node that stands under the name `under`; the names in `known` have been told."""
    if type(node) is list:
        for number, value in enumerate(node):
            here = f"{place}[{number}]"
            if type(value) is not str:
                yield from _members(value, here, under, texts, known)
            elif under and under not in _PAYLOAD_ANYWHERE and (id(node), number) not in texts:
                yield here, value
    elif type(node) is dict:
        for name, value in node.items():
            yield from _member(node, name, value, place, under, texts, known)


def _member(  # noqa: PLR0917 - a step of the walk above
    node: dict[str, Any], name: str, value: Any, place: str, under: str, texts: Places, known: set[str]
) -> Iterator[Parameter]:
    folded, here = name.casefold(), f"{place}.{_shown(name)}" if place else _shown(name)
    if name not in known:
        known.add(name)
        yield here, name
    if type(value) is str:
        if folded not in _PAYLOAD_ANYWHERE and (id(node), name) not in texts:
            yield here, value
    elif _is_called_with(name, node) or (under in _DECLARATIONS and folded in _SCHEMAS):
        return
    elif under in _DECLARATIONS:
        yield from _members(value, here, under, texts, known)
    else:
        yield from _members(value, here, folded, texts, known)


def _is_called_with(name: str, node: dict[str, Any]) -> bool:
    """Whether the member holds what a tool is called with."""
    return name == "arguments" or (name == "input" and str(node.get("type")).endswith("tool_use"))


def _is_name(name: str) -> bool:
    folded = name.casefold()
    return folded == "id" or folded.endswith(("_id", "name", "_label"))


def _shown(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and len(name) <= _LONGEST_NAME else "*"
