"""Where there is content in a request or an answer: every string that can carry any, with who speaks.

Known places come with their role, every other string of the document comes as well (walk.py). Left out is what pairs
one thing with another: `model`, the names and ids of tools and their calls, and the dates of answers, each only where
it belongs and up to a length; and tokens for MCP servers (server_texts.py). Of images the encoded payload is left out;
`request.unreadable` lists them.

Arguments of calls are objects here and no JSON source, so their strings are plain texts.
"""

from typing import Any

from guardhouse.model.operation import Operation
from guardhouse.model.text import Text
from guardhouse.wire.dialects.server_texts import without_tokens
from guardhouse.wire.dialects.walk import KNOWN_KEYS, NOTHING, Keys, collect, collect_around, collect_member, is_plain

_ROLES = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_FIELD_ROLES = {"input": "user", "prompt": "user", "suffix": "user", "system": "system", "template": "system"}
_MESSAGE = frozenset(("tool_name", "tool_call_id"))
_CALLS = frozenset(("tool_calls",))
_CALL = frozenset(("id", "type"))
_FUNCTION = frozenset(("function",))
_NAME = frozenset(("name",))
_ANSWER = frozenset(("model", "created_at", "done_reason", "remote_model", "remote_host"))
_NUMBERS = frozenset(("context", "embedding", "embeddings"))
_MESSAGE_OF_ANSWER = frozenset(("message",))
_PLAIN = frozenset(("role", "content"))


def request_texts(document: dict[str, Any], operation: Operation) -> list[Text]:
    found: list[Text] = []
    keys: list[Text] = []
    names = Keys(document)
    for key, value in document.items():
        if type(value) is str:
            if key != "model":
                found.append(Text(value, _FIELD_ROLES.get(key, "other"), document, key))
        elif key == "messages" and operation is Operation.CHAT:
            _messages(value, found)
        elif key == "tools" and type(value) is list and operation is Operation.CHAT:
            _tools(value, found)
        elif key == "input" and type(value) is list:
            collect(value, "user", found)
        elif key != "images" and (type(value) is list or type(value) is dict):
            collect(value, "other", found)
        if key not in KNOWN_KEYS and not is_plain(key):
            keys.append(Text(key, "other", names, key))
    found = without_tokens(found, document)
    return found + keys if keys else found


def answer_texts(document: Any) -> list[Text]:
    """Of an answer that was read whole, and of one line of an answer that flows."""
    found: list[Text] = []
    if type(document) is not dict:
        collect_member([document], 0, document, "assistant", found)
        return found
    message = document.get("message")
    handled = NOTHING
    if type(message) is dict:
        handled = _MESSAGE_OF_ANSWER
        message_texts(message, found)
    collect_around(document, "assistant", found, _ANSWER, handled | _numeric(document))
    return found


def message_texts(message: dict[str, Any], found: list[Text]) -> None:
    role = message.get("role")
    speaker = _ROLES.get(role, "other") if type(role) is str else "other"
    calls = message.get("tool_calls")
    handled = frozenset(("images",))
    if type(calls) is list:
        handled |= _CALLS
        _calls(calls, found)
    collect_around(message, speaker, found, _MESSAGE, handled)


def _numeric(document: dict[str, Any]) -> frozenset[str]:
    """The members that are long lists of numbers and nothing else, which need no walk."""
    return frozenset(key for key in _NUMBERS if key in document and _is_vector(document[key]))


def _is_vector(value: Any) -> bool:
    if type(value) is not list:
        return False
    return all(type(entry) is float or type(entry) is int or _is_vector(entry) for entry in value)


def _messages(messages: list[Any], found: list[Text]) -> None:
    for message in messages:
        if message.keys() == _PLAIN and type(message["content"]) is str:
            found.append(Text(message["content"], _ROLES[message["role"]], message, "content"))
        else:
            message_texts(message, found)


def _calls(calls: list[Any], found: list[Text]) -> None:
    for index, call in enumerate(calls):
        if type(call) is not dict:
            collect_member(calls, index, call, "assistant", found)
            continue
        function = call.get("function")
        if type(function) is dict:
            arguments = function.get("arguments")
            if type(arguments) is dict:
                collect(arguments, "assistant", found)
                collect_around(function, "assistant", found, _NAME, frozenset(("arguments",)))
            else:
                collect_around(function, "assistant", found, _NAME)
            collect_around(call, "assistant", found, _CALL, _FUNCTION)
        else:
            collect_around(call, "assistant", found, _CALL)


def _tools(tools: list[Any], found: list[Text]) -> None:
    for tool in tools:
        function = tool.get("function")
        if type(function) is dict:
            collect_around(function, "other", found, _NAME)
            collect_around(tool, "other", found, NOTHING, _FUNCTION)
        else:
            collect_around(tool, "other", found, NOTHING)
