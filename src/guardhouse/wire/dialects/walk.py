"""Every string below a node of a document, whatever the node is.

This is what keeps content from hiding in a field nobody has heard of. A string is passed over only for its *value*, if
that is one of a closed list of words that are never content (HARMLESS), never for the name of its key: whoever wants to
hide something chooses the name. Keys are strings too and are written by the caller, so they are texts as well, unless
they are too short and plain to be anything that is masked: an identifier of less than 15 characters is no address, no
number with separators and no key. A masked key renames its member in place.

The walk is a loop with a stack of its own. It visits each value once; `decode` has bounded the depth.

Not covered: numbers and booleans. A card number written as a JSON *number* in an unknown field goes on; replacing it
with a text would break every honest number of that size (timestamps, durations, seeds).
"""

from collections.abc import Callable
from typing import Any, Final

from guardhouse.model.text import Text

LONGEST_ID: Final = 256  # what is longer than that pairs nothing
NOTHING: Final[frozenset[str]] = frozenset()

HARMLESS: Final = frozenset(
    (
        *("", "array", "assistant", "auto", "boolean", "chat.completion", "chat.completion.chunk"),
        *("completed", "default", "developer", "enum", "float", "function", "function_call"),
        *("function_call_output", "high", "in_progress", "input_text", "integer", "json_object"),
        *("json_schema", "length", "list", "low", "medium", "message", "minimal", "model", "none", "null"),
        *("number", "object", "output_text", "reasoning", "required", "response", "standard", "stop"),
        *("string", "system", "text", "text_completion", "tool", "tool_calls", "user"),
        # Anthropic's
        *(
            "5m",
            "1h",
            "adaptive",
            "any",
            "application/pdf",
            "base64",
            "citations_delta",
            "content",
            "content_block_delta",
        ),
        *("content_block_start", "content_block_stop", "custom", "direct", "disabled", "document", "enabled"),
        *("end_turn", "ephemeral", "error", "file", "image", "image/gif", "image/jpeg", "image/png", "image/webp"),
        *("input_json_delta", "max_tokens", "message_delta", "message_start", "message_stop", "ping"),
        *(
            "mcp",
            "mcp_tool_result",
            "mcp_tool_use",
            "mcp_toolset",
            "redacted_thinking",
            "search_result",
            "server_tool_use",
            "signature_delta",
            "stop_sequence",
            "text/plain",
        ),
        *("bash_code_execution_tool_result", "char_location", "code_execution_result", "code_execution_tool_result"),
        *("container_upload", "content_block_location", "page_location", "search_result_location"),
        *("text_editor_code_execution_tool_result", "tool_search_tool_result", "web_fetch_result"),
        *("web_fetch_tool_result", "web_search_result_location", "web_search_tool_result"),
        *("text_delta", "thinking", "thinking_delta", "tool_result", "tool_use", "url", "web_search_result"),
    )
)
_LONGEST_HARMLESS: Final = max(map(len, HARMLESS))
_PLAIN_KEY: Final = 15
KNOWN_KEYS: Final = frozenset(  # those of every request, to save the closer look, and long ones of well-known documents
    (
        *("accepted_prediction_tokens", "additionalProperties", "arguments", "binary_data_output"),
        *("binary_data_size", "chat_template_kwargs"),
        *("choices", "completion_tokens", "completion_tokens_details", "content", "content_filter_results"),
        *("created", "encoding_format", "encrypted_content", "finish_reason", "frequency_penalty"),
        *("function", "id", "incomplete_details", "index", "input_tokens_details", "logprobs"),
        *("max_completion_tokens", "max_output_tokens", "max_tokens", "message", "messages", "model", "name"),
        *("object", "output_tokens_details", "parallel_tool_calls", "presence_penalty"),
        *("previous_response_id", "prompt_cache_key", "prompt_cache_retention", "prompt_logprobs"),
        *("prompt_token_ids", "prompt_tokens", "prompt_tokens_details", "reasoning_content"),
        *("reasoning_effort", "reasoning_tokens", "refusal", "rejected_prediction_tokens"),
        *("repetition_penalty", "response_format", "role", "safety_identifier", "sequence_number"),
        *("service_tier", "stream", "system_fingerprint", "temperature", "text", "tool_calls"),
        *("total_tokens", "type", "usage", "web_search_options"),
        # Anthropic's
        *("cache_creation_input_tokens", "cache_read_input_tokens", "disable_parallel_tool_use"),
        *("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens", "server_tool_use", "web_fetch_requests"),
        *("web_search_requests",),
    )
)


class Keys:
    """The keys of one object as a place to write to: `keys[old] = new` renames a member, which becomes the last.

    One for all keys of an object: it remembers how far each placeholder is numbered, so that renaming is linear.
    """

    __slots__ = ("_node", "_numbers")

    def __init__(self, node: dict[str, Any]) -> None:
        self._node = node
        self._numbers: dict[str, int] = {}

    def __setitem__(self, old: str, new: str) -> None:
        """Two keys may be masked to the same text; neither member may be lost for that."""
        node = self._node
        value = node.pop(old)
        free, number = new, self._numbers.get(new, 1)
        while free in node:
            number += 1
            free = f"{new}_{number}"
        self._numbers[new] = number
        node[free] = value


def kind_of(node: Any) -> str:
    """The `type` of an object, empty for whatever has none."""
    kind = node.get("type") if type(node) is dict else None
    return kind if type(kind) is str else ""


def is_plain(key: str) -> bool:
    """Whether this key cannot hold anything that is masked."""
    return len(key) < _PLAIN_KEY and key.isidentifier()


def collect_member(holder: Any, key: Any, value: Any, role: str, found: list[Text]) -> None:
    """One member or entry of known place: itself if it is a string, else every string below it."""
    if type(value) is str:
        found.append(Text(value, role, holder, key, key == "arguments"))
    elif type(value) is dict or type(value) is list:
        collect(value, role, found)


def collect_around(
    node: dict[str, Any], role: str, found: list[Text], structural: frozenset[str], handled: frozenset[str] = NOTHING
) -> None:
    """Every string of an object of known shape, without its `structural` strings and the `handled` members."""
    keys: list[Text] = []
    names = Keys(node)
    for key, value in node.items():
        if key in handled or (key in structural and type(value) is str and len(value) <= LONGEST_ID):
            continue
        if type(value) is str:
            if len(value) > _LONGEST_HARMLESS or value not in HARMLESS:
                found.append(Text(value, role, node, key, key == "arguments"))
        elif type(value) is dict or type(value) is list:
            collect(value, role, found)
        if key not in KNOWN_KEYS and not is_plain(key):
            keys.append(Text(key, role, names, key))
    found += keys


def collect(root: Any, role: str, found: list[Text]) -> None:
    """Append every string below `root`; keys come after all values, so that writing in order finds each value."""
    stack = [root]
    keys: list[Text] = []
    while stack:
        node = stack.pop()
        if type(node) is dict:
            names = Keys(node)
            for key, value in node.items():
                if type(value) is str:
                    if len(value) > _LONGEST_HARMLESS or value not in HARMLESS:
                        found.append(Text(value, role, node, key, key == "arguments"))
                elif type(value) is dict or type(value) is list:
                    stack.append(value)
                if key not in KNOWN_KEYS and not is_plain(key):
                    keys.append(Text(key, role, names, key))
        else:
            for index, value in enumerate(node):
                if type(value) is str:
                    if len(value) > _LONGEST_HARMLESS or value not in HARMLESS:
                        found.append(Text(value, role, node, index))
                elif type(value) is dict or type(value) is list:
                    stack.append(value)
    if keys:
        found += keys


def rewrite(root: Any, change: Callable[[str, bool], str]) -> None:
    """Put every string below `root` through `change(text, escaped)`."""
    found: list[Text] = []
    collect(root, "other", found)
    for text in found:
        changed = change(text.value, text.escaped)
        if changed is not text.value:
            text.holder[text.key] = changed
