"""A request to one of this dialect's operations: has it the right shape, can all of it be read, what goes upstream.

`check` judges what the gateway itself, or the model server's safety, depends on: types of all fields that carry
content, the bounds of figures, the structure in which texts are looked for. A denial names the place as a path the
caller can follow. Unknown fields pass, since model servers have many of their own; `unknown_fields` lists them for
policies that refuse them: those of the document, of `stream_options` and of each message.

`unreadable` lists content that no control can look into: token arrays, prepared embeddings, images, audio, files. What
a request merely refers to (`previous_response_id`, `conversation`, stored prompts, `audio.id`) is not in it and not
listed; whether it may is for the rules of the model to say (path/stored.py).

`prepare` makes the document the upstream's: its own name of the model, and for streams of chat and completions the
wish for a usage frame, which the gateway needs and hides again from a caller who did not ask.
"""

from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.dialect import Prepared
from guardhouse.wire.dialects.openai.fields import KNOWN, REQUIRED, RULES
from guardhouse.wire.dialects.openai.inputs import unreadable_items, unreadable_prompt, unreadable_variables
from guardhouse.wire.dialects.openai.messages import KNOWN_FIELDS, unreadable_parts
from guardhouse.wire.dialects.rules import invalid, misspelt
from guardhouse.wire.dialects.walk import LONGEST_ID

_STREAM_OPTIONS: Final = frozenset(("include_usage", "include_obfuscation"))
_CHAT: Final = Operation.CHAT
_KEPT: Final = frozenset((Operation.CHAT, Operation.RESPONSES))
_REPORTS_USAGE_ON_REQUEST: Final = frozenset((Operation.CHAT, Operation.COMPLETIONS))


def check(document: Any, operation: Operation) -> Denial | None:
    if type(document) is not dict:
        return invalid("the body", "an object")
    model = document.get("model")
    if type(model) is not str or not 0 < len(model) <= LONGEST_ID:
        return invalid("model", f"a string of 1 to {LONGEST_ID} characters")
    required = REQUIRED.get(operation)
    if required is not None and required not in document:
        return invalid(required, "given")
    rules, known = RULES[operation], KNOWN[operation]
    for name, value in document.items():
        rule = rules.get(name)
        if rule is not None:
            denial = rule(value, name)
        elif name in known:
            continue
        else:
            denial = misspelt(name, known, "")
        if denial is not None:
            return denial
    return None


def unknown_fields(document: dict[str, Any], operation: Operation) -> list[str]:
    found = list(document.keys() - KNOWN[operation])
    options = document.get("stream_options")
    if type(options) is dict:
        found += [f"stream_options.{name}" for name in options.keys() - _STREAM_OPTIONS]
    if operation is Operation.CHAT:
        for index, message in enumerate(document["messages"]):
            if not message.keys() <= KNOWN_FIELDS:
                found += [f"messages[{index}].{name}" for name in message.keys() - KNOWN_FIELDS]
    return sorted(found)


def unreadable(document: dict[str, Any], operation: Operation) -> list[str]:
    if operation is _CHAT:
        found: list[str] = []
        for index, message in enumerate(document["messages"]):
            if type(message.get("content")) is list:
                found += unreadable_parts(message["content"], f"messages[{index}].content")
        return found
    if operation is Operation.EMBEDDINGS:
        return unreadable_prompt(document["input"], "input")
    if operation is Operation.MODERATIONS:
        return unreadable_parts(document["input"], "input")
    if operation is Operation.COMPLETIONS:
        embeddings = ["prompt_embeds"] if document.get("prompt_embeds") else []
        return embeddings + unreadable_prompt(document["prompt"], "prompt")
    return unreadable_items(document.get("input"), "input") + unreadable_variables(document.get("prompt"), "prompt")


def is_kept(document: dict[str, Any], operation: Operation, *, mend: bool) -> bool:
    """Responses are kept unless `store` is false; chats are by some accounts' settings."""
    if operation not in _KEPT or document.get("store") is False:
        return False
    if mend:
        document["store"] = False
    return True


def prepare(document: dict[str, Any], operation: Operation, upstream_name: str) -> Prepared:
    prepared = Prepared.AS_IT_WAS
    if document["model"] != upstream_name:
        document["model"] = upstream_name
        prepared = Prepared.CHANGED
    if document.get("stream") is not True or operation not in _REPORTS_USAGE_ON_REQUEST:
        return prepared
    options = document.get("stream_options")
    if options and options.get("include_usage") is True:
        return prepared
    document["stream_options"] = {**(options or {}), "include_usage": True}
    return Prepared.USAGE_ASKED
