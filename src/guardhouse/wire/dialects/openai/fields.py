"""The fields of each operation: which are known, and the rule of those that have one.

The known fields are those of OpenAI's published description of its API; a policy with `unknown_fields: refuse` holds
requests to them. A field that is known but has no rule here is passed as it is: its strings are inspected like all
others, and judging it is the model server's business.
"""

from typing import Final

from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.openai.inputs import items, moderated, prompt, stored_prompt
from guardhouse.wire.dialects.openai.messages import messages
from guardhouse.wire.dialects.openai.tools import functions, tool_choice, tools
from guardhouse.wire.dialects.rules import (
    Rule,
    a_list,
    an_object,
    boolean,
    integer,
    number,
    numbers_by_name,
    stream_options,
    string,
    string_or_object,
    string_or_strings,
    strings,
    typed_object,
)

_MOST_TOKENS: Final = 2**31 - 1

_COMMON: Final[dict[str, Rule]] = {
    "stream": boolean,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "user": string,
}
_SAMPLING: Final[dict[str, Rule]] = {
    **_COMMON,
    "frequency_penalty": number(-2, 2),
    "logit_bias": numbers_by_name,
    "n": integer(1, 128),
    "presence_penalty": number(-2, 2),
    "seed": integer(-(2**63)),
    "stop": string_or_strings,
    "stream_options": stream_options,
}
RULES: Final[dict[Operation, dict[str, Rule]]] = {
    Operation.CHAT: {
        **_SAMPLING,
        "messages": messages,
        "max_tokens": integer(1, _MOST_TOKENS),
        "max_completion_tokens": integer(1, _MOST_TOKENS),
        "logprobs": boolean,
        "top_logprobs": integer(0, 20),
        "tools": tools,
        "functions": functions,
        "tool_choice": tool_choice,
        "function_call": string_or_object,
        "parallel_tool_calls": boolean,
        "response_format": typed_object,
        "metadata": an_object,
        "modalities": strings,
        "audio": an_object,
        "reasoning_effort": string,
        "store": boolean,
    },
    Operation.COMPLETIONS: {
        **_SAMPLING,
        "prompt": prompt,
        "suffix": string,
        "max_tokens": integer(0, _MOST_TOKENS),  # 0 with echo scores the prompt
        "best_of": integer(1, 128),
        "echo": boolean,
        "logprobs": integer(0, 100),
    },
    Operation.RESPONSES: {
        **_COMMON,
        "input": items,
        "instructions": string,
        "prompt": stored_prompt,
        "max_output_tokens": integer(1, _MOST_TOKENS),
        "max_tool_calls": integer(1, _MOST_TOKENS),
        "top_logprobs": integer(0, 20),
        "tools": tools,
        "tool_choice": tool_choice,
        "parallel_tool_calls": boolean,
        "include": strings,
        "metadata": an_object,
        "reasoning": an_object,
        "text": an_object,
        "store": boolean,
        "background": boolean,
        "context_management": a_list,
        "stream_options": an_object,
        "previous_response_id": string,
    },
    Operation.EMBEDDINGS: {
        "input": prompt,
        "dimensions": integer(1, 2**20),
        "encoding_format": string,
        "user": string,
    },
    Operation.MODERATIONS: {"input": moderated},
    Operation.MODELS_READ: {},
}
# without these there is nothing to ask; Responses may take its input from a stored prompt or an earlier response
REQUIRED: Final[dict[Operation, str]] = {
    Operation.CHAT: "messages",
    Operation.COMPLETIONS: "prompt",
    Operation.EMBEDDINGS: "input",
    Operation.MODERATIONS: "input",
}

_UNRULED: Final[dict[Operation, tuple[str, ...]]] = {
    Operation.CHAT: (
        *("moderation", "prediction", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        *("safety_identifier", "service_tier", "verbosity", "web_search_options"),
    ),
    Operation.COMPLETIONS: (),
    Operation.RESPONSES: (
        *("conversation", "moderation", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        *("safety_identifier", "service_tier", "truncation"),
    ),
    Operation.EMBEDDINGS: (),
    Operation.MODERATIONS: (),
    Operation.MODELS_READ: (),
}
KNOWN: Final[dict[Operation, frozenset[str]]] = {
    operation: frozenset(("model", *rules, *_UNRULED[operation])) for operation, rules in RULES.items()
}
