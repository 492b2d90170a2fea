"""Where there is content in a request or an answer: every string that can carry any, with who speaks.

Known places come with their role. Every other string of the document, in whatever field, comes as well (walk.py), so
that a field this file has never heard of is inspected like a message. What is left out is structural: strings that pair
one thing with another, where a masked value would break the pairing rather than protect anybody:

- `model`, which is compared with the configuration before anything else is done with it;
- the ids of calls, items and answers (`id`, `call_id`, `tool_call_id`, `item_id`, `approval_request_id`);
- the names of tools, where they are declared, chosen and called: a tool under another name cannot be called;
- `system_fingerprint`, which the model server sets;
- the labels of MCP servers, and the tokens for them (server_texts.py);
- `encrypted_content` of reasoning items, which only the model server that wrote it can read.

They are structural in these places only and up to a length; a field `id` anywhere else is a text.
Of parts that cannot be read as text (`request.unreadable` lists them) the encoded payload is left out, the rest is not.

Arguments of calls are JSON source and are marked `escaped`. Token arrays have no strings and are not walked.

The tests hold, for arbitrary documents, that every string that is not structural is found exactly once.
"""

from collections.abc import Callable
from typing import Any, Final

from guardhouse.model.operation import Operation
from guardhouse.model.text import Text
from guardhouse.wire.dialects.openai.turns import item_texts, message_texts, role_of
from guardhouse.wire.dialects.server_texts import is_server, listed_texts, tool_texts, without_tokens
from guardhouse.wire.dialects.walk import (
    KNOWN_KEYS,
    NOTHING,
    Keys,
    collect,
    collect_around,
    collect_member,
    is_plain,
)

_NAME: Final = frozenset(("name",))
_FIELD_ROLES: Final = {"prompt": "user", "input": "user", "suffix": "user", "instructions": "system"}
_ANSWER: Final = frozenset(("id", "model", "system_fingerprint"))
_PLAIN_MESSAGE: Final = frozenset(("role", "content"))
_FUNCTION: Final = frozenset(("function",))
_CHOICE: Final = frozenset(("message",))


def request_texts(document: dict[str, Any], operation: Operation) -> list[Text]:  # noqa: ARG001 - fields tell
    found: list[Text] = []
    keys: list[Text] = []
    names = Keys(document)
    for key, value in document.items():
        if type(value) is str:
            if key != "model":
                found.append(Text(value, _FIELD_ROLES.get(key, "other"), document, key))
        elif type(value) is list or type(value) is dict:
            reader = _READERS.get(key, _read_other)
            reader(value, found)
        if key not in KNOWN_KEYS and not is_plain(key):
            keys.append(Text(key, "other", names, key))
    return found + keys if keys else found


def answer_texts(document: Any, operation: Operation) -> list[Text]:
    found: list[Text] = []
    if type(document) is not dict:
        collect_member([document], 0, document, "assistant", found)
        return found
    handled = _ANSWER_PARTS[operation]
    for key in handled:
        if key in document:
            _ANSWER_READERS[key](document, key, document[key], found)
    collect_around(document, "other", found, _ANSWER, handled)
    return found


def _read_messages(messages: Any, found: list[Text]) -> None:
    if type(messages) is not list:
        collect(messages, "other", found)
        return
    for index, message in enumerate(messages):
        if type(message) is not dict:
            collect_member(messages, index, message, "other", found)
            continue
        role = role_of(message)
        content = message.get("content")
        if type(content) is str and len(message) == 2 and "role" in message:
            found.append(Text(content, role, message, "content"))
        else:
            message_texts(message, role, found)


def _read_input(items: Any, found: list[Text]) -> None:
    """`prompt` and `input`: texts, tokens, lists of tokens, or items."""
    if type(items) is not list:
        collect(items, "user", found)
        return
    for index, item in enumerate(items):
        if type(item) is not dict:
            collect_member(items, index, item, "user", found)
        elif "tools" in item:
            inner: list[Text] = []
            item_texts(items, index, inner)
            found += without_tokens(inner, {"input": [item]})
        else:
            item_texts(items, index, found)


def _read_tools(tools: Any, found: list[Text]) -> None:
    """Declarations, and the choice among them."""
    for index, tool in enumerate(tools if type(tools) is list else [tools]):
        if type(tool) is not dict:
            collect_member(tools, index, tool, "other", found)
            continue
        _read_tool(tool, found)


def _read_tool(tool: dict[str, Any], found: list[Text]) -> None:
    function = tool.get("function")
    if type(function) is dict:
        collect_around(function, "other", found, _NAME)
        collect_around(tool, "other", found, _NAME, _FUNCTION)
    else:
        collect_around(tool, "other", found, _NAME)


def _read_own_tools(tools: Any, found: list[Text]) -> None:
    """Those of a request, which are judged as a whole where they lead to servers."""
    if type(tools) is not list:
        _read_tools(tools, found)
        return
    for index, tool in enumerate(tools):
        if type(tool) is not dict:
            collect_member(tools, index, tool, "other", found)
        elif is_server(tool):
            tool_texts(tool, found)
        elif "tools" in tool:  # a namespace
            inner: list[Text] = []
            _read_tool(tool, inner)
            found += without_tokens(inner, {"tools": [tool]})
        else:
            _read_tool(tool, found)


def _read_other(value: Any, found: list[Text]) -> None:
    collect(value, "other", found)


_READERS: Final[dict[str, Callable[[Any, list[Text]], None]]] = {
    "mcp_servers": listed_texts,
    "messages": _read_messages,
    "prompt": _read_input,
    "input": _read_input,
    "tools": _read_own_tools,
    "functions": _read_tools,
    "tool_choice": _read_tools,
    "function_call": _read_tools,
}


def _answer_choices(document: dict[str, Any], key: str, choices: Any, found: list[Text]) -> None:
    if type(choices) is not list:
        collect_member(document, key, choices, "assistant", found)
        return
    for index, choice in enumerate(choices):
        if type(choice) is not dict:
            collect_member(choices, index, choice, "assistant", found)
            continue
        message = choice.get("message")
        if type(message) is not dict:
            collect_around(choice, "assistant", found, NOTHING)
            continue
        if message.keys() == _PLAIN_MESSAGE and type(message["content"]) is str and message["role"] == "assistant":
            found.append(Text(message["content"], "assistant", message, "content"))
        else:
            message_texts(message, "assistant", found)
        collect_around(choice, "assistant", found, NOTHING, _CHOICE)


def _answer_items(document: dict[str, Any], key: str, items: Any, found: list[Text]) -> None:
    if type(items) is not list:
        collect_member(document, key, items, "assistant", found)
        return
    for index in range(len(items)):
        item_texts(items, index, found)


def _answer_vectors(document: dict[str, Any], key: str, vectors: Any, found: list[Text]) -> None:
    """`data` of embeddings. The vector itself, floats or base64, is the answer and has no text in it."""
    if type(vectors) is not list:
        collect_member(document, key, vectors, "other", found)
        return
    for index, vector in enumerate(vectors):
        if type(vector) is dict:
            collect_around(vector, "other", found, NOTHING, frozenset(("embedding",)))
        else:
            collect_member(vectors, index, vector, "other", found)


def _answer_declarations(document: dict[str, Any], key: str, tools: Any, found: list[Text]) -> None:
    if type(tools) is str:
        found.append(Text(tools, "other", document, key))
    elif type(tools) is dict or type(tools) is list:
        _read_tools(tools, found)


_ANSWER_READERS: Final[dict[str, Callable[[dict[str, Any], str, Any, list[Text]], None]]] = {
    "choices": _answer_choices,
    "output": _answer_items,
    "data": _answer_vectors,
    "tools": _answer_declarations,
    "tool_choice": _answer_declarations,
}
_ANSWER_PARTS: Final = {
    Operation.CHAT: frozenset(("choices",)),
    Operation.COMPLETIONS: frozenset(("choices",)),
    Operation.RESPONSES: frozenset(("output", "tools", "tool_choice")),
    Operation.EMBEDDINGS: frozenset(("data",)),
    Operation.MODERATIONS: NOTHING,
    Operation.MODELS_READ: NOTHING,
}
