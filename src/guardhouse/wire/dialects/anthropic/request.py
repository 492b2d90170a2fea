"""A request in this dialect: has it the right shape, can all of it be read, what goes upstream.

`check` judges what the gateway itself, or the model server's safety, depends on: types of all fields that carry
content, the bounds of figures, the structure in which texts are looked for, and what reaches beyond the model that is
asked for (reach.py). A denial names the place as a path the caller can follow. Unknown fields pass, since model servers
have their own; `unknown_fields` lists them for policies that refuse them: those of the document, of each message and of
each block. A server that folds the case of names would read `Model` as `model`, so another spelling of a known field is
refused, in the document, in messages and in blocks.

`unreadable` lists content that no control can look into: images, files that are no text, and what is stored at the
model server (files by their id, a container). What is sealed is not in it; blocks.py says why.

The document goes on as it is but for the name of the model: usage is told in every answer and every stream.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.wire.dialects.anthropic import reach
from guardhouse.wire.dialects.anthropic.blocks import hidden_in, unknown_in
from guardhouse.wire.dialects.anthropic.fields import KNOWN, MESSAGE, REQUIRED, RULES, SPELT
from guardhouse.wire.dialects.dialect import Prepared
from guardhouse.wire.dialects.rules import invalid, misspelt
from guardhouse.wire.dialects.walk import LONGEST_ID

_STORED = ("container", "thread")


def check(document: Any, path: bytes) -> Denial | None:
    if type(document) is not dict:
        return invalid("the body", "an object")
    model = document.get("model")
    if type(model) is not str or not 0 < len(model) <= LONGEST_ID:
        return invalid("model", f"a string of 1 to {LONGEST_ID} characters")
    for required in REQUIRED[path]:
        if document.get(required) is None:
            return invalid(required, "given")
    denial = reach.judge(document)
    if denial is not None:
        return denial
    rules = RULES[path]
    for name, value in document.items():
        rule = rules.get(name)
        denial = misspelt(name, SPELT, "") if rule is None else rule(value, name)
        if denial is not None:
            return denial
    return None


def unknown_fields(document: dict[str, Any], path: bytes) -> list[str]:
    found = list(document.keys() - KNOWN[path])
    found += unknown_in(document.get("system"), "system")
    for index, message in enumerate(document["messages"]):
        if not message.keys() <= MESSAGE:
            found += [f"messages[{index}].{name}" for name in message.keys() - MESSAGE]
        found += unknown_in(message["content"], f"messages[{index}].content")
    return sorted(found)


def unreadable(document: dict[str, Any]) -> list[str]:
    found = [name for name in _STORED if document.get(name)]
    for index, message in enumerate(document["messages"]):
        content = message["content"]
        if type(content) is list:
            found += hidden_in(content, f"messages[{index}].content")
    return found


def prepare(document: dict[str, Any], upstream_model: str) -> Prepared:
    if document["model"] == upstream_model:
        return Prepared.AS_IT_WAS
    document["model"] = upstream_model
    return Prepared.CHANGED
