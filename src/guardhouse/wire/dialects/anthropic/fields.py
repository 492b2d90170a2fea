"""The fields of each request: which are known, and the rule of those that have one.

The known fields are those of Anthropic's published description, without what is in beta; a policy with
`unknown_fields: refuse` holds requests to them. A field that is known but has no rule here is passed as it is: its
strings are inspected like all others, and judging it is the model server's business.
"""

from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.wire.dialects.anthropic import lengths, reach
from guardhouse.wire.dialects.anthropic.blocks import string_or_blocks, system
from guardhouse.wire.dialects.anthropic.tools import tool_choice, tools
from guardhouse.wire.dialects.rules import (
    Rule,
    an_object,
    boolean,
    integer,
    invalid,
    listed,
    number,
    spelt,
    string,
    string_or_object,
    strings,
    typed_object,
)

MESSAGES: Final = b"/v1/messages"
COUNT_TOKENS: Final = b"/v1/messages/count_tokens"

MESSAGE: Final = frozenset(("content", "role"))
ROLES: Final = frozenset(("assistant", "system", "user"))
_MOST_TOKENS = 2**31 - 1


def messages(value: Any, path: str) -> Denial | None:
    if type(value) is not list or not value:
        return invalid(path, "a non-empty list of messages")
    for index, message in enumerate(value):
        if type(message) is not dict:
            return invalid(f"{path}[{index}]", "an object")
        role = message.get("role")
        if type(role) is not str or role not in ROLES:
            return invalid(f"{path}[{index}].role", f"one of {', '.join(sorted(ROLES))}")
        content = message.get("content")
        if type(content) is not str:
            denial = string_or_blocks(content, f"{path}[{index}].content")
            if denial is not None:
                return denial
        denial = spelt(message, MESSAGE, f"{path}[{index}]") if len(message) > 2 else None
        if denial is not None:
            return denial
    return None


def thinking(value: Any, path: str) -> Denial | None:
    if type(value) is dict and "budget_tokens" in value:
        denial = _budget(value["budget_tokens"], f"{path}.budget_tokens")
        if denial is not None:
            return denial
    return typed_object(value, path)


def metadata(value: Any, path: str) -> Denial | None:
    return an_object(value, path) or (None if value is None else string(value.get("user_id"), f"{path}.user_id"))


def objects(value: Any, path: str) -> Denial | None:
    return listed(value, path, "a list of objects", _object)


def _object(value: Any, path: str) -> Denial | None:
    return None if type(value) is dict else invalid(path, "an object")


_budget = integer(0, _MOST_TOKENS)
_COUNTED: dict[str, Rule] = {
    "messages": messages,
    "system": system,
    "tools": tools,
    "tool_choice": tool_choice,
    "mcp_servers": objects,
    "thinking": thinking,
    "cache_control": typed_object,
    "output_config": an_object,
}
RULES: Final[dict[bytes, dict[str, Rule]]] = {
    COUNT_TOKENS: _COUNTED,
    MESSAGES: {
        **_COUNTED,
        "max_tokens": integer(0, _MOST_TOKENS),  # 0 fills the cache
        "stream": boolean,
        "temperature": number(0, 2),
        "top_p": number(0, 1),
        "top_k": integer(0),
        "stop_sequences": strings,
        "metadata": metadata,
        "container": string_or_object,
        "diagnostics": an_object,
        "service_tier": string,
    },
}
REQUIRED: Final[dict[bytes, tuple[str, ...]]] = {COUNT_TOKENS: ("messages",), MESSAGES: ("messages", "max_tokens")}
SPELT: Final = frozenset(  # whatever one of the controls goes by
    (
        "model",
        "speed",
        *reach.FIELDS,
        *lengths.LENGTHS,
        "n",
        "best_of",
        *(name for rules in RULES.values() for name in rules),
    )
)
KNOWN: Final[dict[bytes, frozenset[str]]] = {
    path: frozenset(("model", "speed", "inference_geo", *rules)) for path, rules in RULES.items()
}
