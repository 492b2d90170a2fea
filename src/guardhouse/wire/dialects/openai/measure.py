"""How large the input of a request is at most, in tokens; lengths.py is about the answer.

`most_given` says None where the request brings in what does not stand in it: images, sounds and files, earlier answers
and conversations, stored prompts, templates of the caller's own. Only the model's longest input bounds that. And
nothing bounds what `is_endless`: the model server itself works with tools of its own there, in as many rounds as it
likes.

What a template says by itself does not depend on the request and is not counted here.
"""

from typing import Any, Final

from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.bounds import most_of, most_tokens
from guardhouse.wire.dialects.declared import declared
from guardhouse.wire.dialects.openai.lengths import prompts
from guardhouse.wire.dialects.openai.request import unreadable

_MARKS: Final = 4  # tokens that begin, end or part a prompt that no template prints

_ELSEWHERE: Final = ("chat_template", "conversation", "previous_response_id", "prompt_embeds", "multi_modal_data")
_OWN_TOOLS: Final = frozenset(("function", "custom"))


def most_given(document: dict[str, Any], encoded: bytes, operation: Operation) -> int | None:
    """Tokens of input at most, without what a template says by itself; None if that is not known from the request."""
    if any(document.get(field) for field in _ELSEWHERE):
        return None
    if operation is Operation.COMPLETIONS or operation is Operation.EMBEDDINGS:
        return most_tokens(encoded) + _MARKS * inputs(document)
    if unreadable(document, operation) or type(document.get("prompt")) is dict or _refers(document.get("input")):
        return None
    return most_of(document, encoded)


def inputs(document: dict[str, Any]) -> int:
    """How many inputs are read one by one."""
    return max(prompts(document.get("prompt")), prompts(document.get("input")))


def is_endless(document: dict[str, Any]) -> bool:
    """Whether the model server is asked to work with tools that it has itself."""
    if document.get("web_search_options") is not None or document.get("mcp_servers"):
        return True
    return any(type(tool) is dict and tool.get("type") not in _OWN_TOOLS for _, tool in declared(document))


def _refers(items: Any) -> bool:
    """Whether there are items of the Responses API that stand for something else, or are packed."""
    if type(items) is not list:
        return False
    return any(type(item) is dict and _is_elsewhere(item) for item in items)


def _is_elsewhere(item: dict[str, Any]) -> bool:
    return item.get("type") == "item_reference" or bool(item.get("encrypted_content"))
