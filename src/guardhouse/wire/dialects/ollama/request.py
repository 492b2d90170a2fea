"""A request to one of this dialect's operations: has it the right shape, can all of it be read, what goes upstream.

Ollama is written in Go, whose JSON reader takes a field in any spelling of upper and lower case (and a few letters
beyond ASCII for s and k) and of several takes the last. `{"model": "a", "Model": "b"}` asks this gateway for a and the
model server for b. So another spelling of a known field is refused, in the document and in what it is made of.

Three things that go by the name of inference manage the model server, and do not get there:

- an empty conversation or prompt, which loads or unloads a model: refused;
- `keep_alive`, which keeps a model in memory for ever or throws it out under everybody: taken out, the model server's
  own setting holds;
- `options` of the runner (how many layers on which GPU, threads, batch, mapping of memory), a change of which reloads
  the model: refused.

`unreadable` lists content that no control can look into: images, and the `context` of an earlier answer, which is
tokens.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.media import Part
from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.dialect import Prepared
from guardhouse.wire.dialects.rules import (
    Rule,
    a_list,
    an_object,
    boolean,
    identifier,
    integer,
    invalid,
    listed,
    misspelt,
    number,
    one_of,
    string,
    string_or_object,
    strings,
    tool_name,
)
from guardhouse.wire.dialects.walk import LONGEST_ID

ROLES = frozenset(("system", "user", "assistant", "tool"))
_RUNNER = frozenset(
    (
        *("embedding_only", "f16_kv", "logits_all", "low_vram", "main_gpu", "num_batch", "num_gpu"),
        *("num_thread", "numa", "use_mlock", "use_mmap", "vocab_only"),
    )
)
_LARGEST_CONTEXT = 2**24


def check(document: Any, operation: Operation) -> Denial | None:
    if type(document) is not dict:
        return invalid("the body", "an object")
    model = document.get("model")
    if type(model) is not str or not 0 < len(model) <= LONGEST_ID:
        return invalid("model", f"a string of 1 to {LONGEST_ID} characters")
    required = _REQUIRED[operation]
    if required not in document:
        return invalid(required, "given")
    return _members(document, _RULES[operation], "")


def unknown_fields(document: dict[str, Any], operation: Operation) -> list[str]:
    found = list(document.keys() - _RULES[operation].keys())
    options = document.get("options")
    if options:
        found += [f"options.{name}" for name in options.keys() - _OPTIONS.keys()]
    if operation is Operation.CHAT:
        for index, message in enumerate(document["messages"]):
            found += [f"messages[{index}].{name}" for name in message.keys() - _MESSAGE.keys()]
    return sorted(found)


def unreadable(document: dict[str, Any], operation: Operation) -> list[str]:
    if operation is Operation.CHAT:
        messages = enumerate(document["messages"])
        return [f"messages[{index}].images" for index, message in messages if message.get("images")]
    return [name for name in ("images", "context") if document.get(name)] if operation is Operation.COMPLETIONS else []


def media(document: dict[str, Any], operation: Operation) -> list[Part]:
    """The images among these."""
    if operation is Operation.CHAT:
        lists = [(message.get("images"), f"messages[{index}].") for index, message in enumerate(document["messages"])]
    else:
        lists = [(document.get("images"), "")] if operation is Operation.COMPLETIONS else []
    return [
        Part("image", f"{place}images[{index}]", "", image)
        for images, place in lists
        for index, image in enumerate(images or ())
    ]


def prepare(document: dict[str, Any], upstream_name: str) -> Prepared:
    """Make the document the upstream's own. Usage comes unasked in this dialect."""
    prepared = Prepared.CHANGED if "keep_alive" in document else Prepared.AS_IT_WAS
    document.pop("keep_alive", None)
    if document["model"] != upstream_name:
        document["model"] = upstream_name
        prepared = Prepared.CHANGED
    return prepared


def is_streamed(document: dict[str, Any], operation: Operation) -> bool:
    """Answers flow unless the caller says otherwise."""
    return operation is not Operation.EMBEDDINGS and document.get("stream") is not False


def _messages(value: Any, path: str) -> Denial | None:
    if type(value) is not list or not value:
        return invalid(path, "a non-empty list of messages")
    for index, message in enumerate(value):
        if type(message) is not dict:
            return invalid(f"{path}[{index}]", "an object")
        role = message.get("role")
        if type(role) is not str or role not in ROLES:
            return invalid(f"{path}[{index}].role", "one of system, user, assistant, tool")
        if len(message) != 2 or type(message.get("content")) is not str:
            denial = _members(message, _MESSAGE, f"{path}[{index}].")
            if denial is not None:
                return denial
    return None


def _members(node: dict[str, Any], rules: dict[str, Rule], path: str) -> Denial | None:
    for name, value in node.items():
        rule = rules.get(name)
        denial = misspelt(name, rules, path) if rule is None else rule(value, f"{path}{name}")
        if denial is not None:
            return denial
    return None


def _object(value: Any, rules: dict[str, Rule], path: str) -> Denial | None:
    return _members(value, rules, f"{path}.") if type(value) is dict else invalid(path, "an object")


def _listed(rules: dict[str, Rule]) -> Rule:
    """A list of objects that have these members."""

    def judge(value: Any, path: str) -> Denial | None:
        return listed(value, path, "a list of objects", lambda entry, place: _object(entry, rules, place))

    return judge


def _shaped(rules: dict[str, Rule]) -> Rule:
    """An object that has these members."""

    def judge(value: Any, path: str) -> Denial | None:
        return None if value is None else _object(value, rules, path)

    return judge


def _options(value: Any, path: str) -> Denial | None:
    if value is None:
        return None
    if type(value) is not dict:
        return invalid(path, "an object")
    for name, entry in value.items():
        folded = name.casefold()
        if folded in _RUNNER:
            return invalid(f"{path}.{folded}", "left to the model server")
        rule = _OPTIONS.get(name)
        denial = misspelt(name, _OPTIONS, f"{path}.") if rule is None else rule(entry, f"{path}.{name}")
        if denial is not None:
            return denial
    return None


def _text(value: Any, path: str) -> Denial | None:
    return None if type(value) is str and value else invalid(path, "a non-empty string")


def _input(value: Any, path: str) -> Denial | None:
    if type(value) is list and value:
        return strings(value, path)
    return _text(value, path) if value else invalid(path, "a non-empty string or list of strings")


def _passes(value: Any, path: str) -> Denial | None:  # noqa: ARG001 - taken out before anybody reads it
    return None


_boolean_or_string = one_of(bool, str, must="true, false or a string")
_REQUIRED = {Operation.CHAT: "messages", Operation.COMPLETIONS: "prompt", Operation.EMBEDDINGS: "input"}
_OPTIONS: dict[str, Rule] = {
    "frequency_penalty": number(-100, 100),
    "min_p": number(0, 1),
    "mirostat": integer(0, 2),
    "num_ctx": integer(1, _LARGEST_CONTEXT),
    "num_keep": integer(-1, _LARGEST_CONTEXT),
    "num_predict": integer(-2, _LARGEST_CONTEXT),
    "presence_penalty": number(-100, 100),
    "repeat_last_n": integer(-1, _LARGEST_CONTEXT),
    "repeat_penalty": number(-100, 100),
    "seed": integer(-(2**63)),
    "stop": strings,
    "temperature": number(0, 100),
    "top_k": integer(-1, 2**31 - 1),
    "top_p": number(0, 1),
    "typical_p": number(0, 1),
}
_FUNCTION: dict[str, Rule] = {
    "arguments": an_object,
    "description": string,
    "index": integer(0),
    "name": tool_name,
}
_CALL: dict[str, Rule] = {"function": _shaped(_FUNCTION), "id": identifier, "type": identifier}
_MESSAGE: dict[str, Rule] = {
    "content": string,
    "images": strings,
    "role": _text,
    "thinking": string,
    "tool_call_id": identifier,
    "tool_calls": _listed(_CALL),
    "tool_name": identifier,
}
_DECLARED: dict[str, Rule] = {"description": string, "name": tool_name, "parameters": an_object}
_COMMON: dict[str, Rule] = {
    "dimensions": integer(1, 2**31 - 1),
    "keep_alive": _passes,
    "model": _text,
    "options": _options,
    "truncate": boolean,
}
_GENERATING: dict[str, Rule] = {
    **_COMMON,
    "format": string_or_object,
    "logprobs": boolean,
    "shift": boolean,
    "stream": boolean,
    "think": _boolean_or_string,
    "top_logprobs": integer(0, 1024),
}
_RULES: dict[Operation, dict[str, Rule]] = {
    Operation.CHAT: {
        **_GENERATING,
        "messages": _messages,
        "tools": _listed({"function": _shaped(_DECLARED), "type": identifier}),
    },
    Operation.COMPLETIONS: {
        **_GENERATING,
        "context": a_list,
        "images": strings,
        "prompt": _text,
        "raw": boolean,
        "suffix": string,
        "system": string,
        "template": string,
    },
    Operation.EMBEDDINGS: {**_COMMON, "input": _input},
}
