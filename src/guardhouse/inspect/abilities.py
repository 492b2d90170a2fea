"""Which features of a model a request wants, in any dialect: told by the members that ask for them.

Names are those of the OpenAI, Anthropic and Ollama dialects. A feature is wanted if the model server might act on it:
a list of tools that is empty wants none, one that cannot be read wants them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from guardhouse.inspect.measures import Measures, measure
from guardhouse.inspect.references import find
from guardhouse.model.ability import Ability
from guardhouse.wire.dialects.declared import declared

Document = dict[str, Any]

_STORED = ("background", "container", "context", "conversation", "previous_response_id", "store")
_OWN_TOOLS = frozenset((None, "function", "custom"))


def _tools(document: Document) -> bool:
    named = document.get("tools") or document.get("functions") or document.get("mcp_servers")
    return bool(named or declared(document))


def _hosted_tools(document: Document) -> bool:
    """Tools that the model server runs itself."""
    if document.get("web_search_options") is not None or document.get("mcp_servers"):  # empty options are a wish, too
        return True
    tools = document.get("tools")
    if tools and type(tools) is not list:
        return True
    return any(type(tool) is not dict or tool.get("type") not in _OWN_TOOLS for _, tool in declared(document))


def _form(document: Document) -> tuple[str, ...]:
    """What is asked of the form of the answer."""
    forms = [document.get("format"), document.get("response_format")]
    text = document.get("text")
    if type(text) is dict:
        forms.append(text.get("format"))
    output = document.get("output_config")
    if type(output) is dict:
        forms.append(output.get("format"))
    return tuple(_form_of(form) for form in forms if form)


def _form_of(form: Any) -> str:
    if type(form) is not dict:
        return "json_mode" if form == "json" else "json_schema"
    kind = form.get("type")
    if kind == "text":
        return ""
    return "json_mode" if kind == "json_object" and "schema" not in form else "json_schema"


def _guided(document: Document) -> bool:
    """Grammars are schemas by another name."""
    return any(document.get(name) for name in ("grammar", "json_schema", "structured_outputs")) or any(
        name.startswith("guided_") and value for name, value in document.items()
    )


def _more_than_one(value: Any) -> bool:
    return value is not None and value != 1


def stored_by(document: Document) -> str:
    """The member by which a request wants what the model server keeps or has kept; empty if by none."""
    for name in _STORED:
        if document.get(name):
            return name
    for each in find(document):
        if each.stored is not None:
            return next(step for step in reversed(each.place) if type(step) is str and step != "id")
    return ""


def _reasoning(document: Document) -> bool:
    thinking = document.get("thinking")
    if type(thinking) is dict and thinking.get("type") == "disabled":
        thinking = None
    effort = document.get("reasoning_effort")
    asked = document.get("reasoning")
    return bool(thinking or document.get("think") or asked) or effort not in (None, "none")


def _logprobs(document: Document) -> bool:
    asked = (document.get(name) for name in ("logprobs", "prompt_logprobs", "top_logprobs"))
    include = document.get("include")
    told = type(include) is list and any("logprobs" in item for item in include if type(item) is str)
    return told or any(value is not None and value is not False for value in asked)


def _audio(document: Document) -> bool:
    modalities = document.get("modalities")
    return bool(document.get("audio")) or (type(modalities) is list and "audio" in modalities)


_WANTS: Mapping[Ability, Callable[[Document], bool]] = {
    "choices": lambda document: any(_more_than_one(document.get(name)) for name in ("n", "best_of")),
    "hosted_tools": _hosted_tools,
    "json_mode": lambda document: "json_mode" in _form(document),
    "json_schema": lambda document: "json_schema" in _form(document) or _guided(document),
    "logprobs": _logprobs,
    "reasoning": _reasoning,
    "stored": lambda document: bool(stored_by(document)),
    "tools": _tools,
}
_MEASURED: Mapping[Ability, Callable[[Measures], int]] = {
    "audio": lambda measures: measures.audio,
    "files": lambda measures: measures.files,
    "vision": lambda measures: measures.images,
}


def wants(ability: Ability, document: Document, *, stream: bool) -> bool:
    if ability == "streaming":
        return stream
    if ability in _MEASURED and _MEASURED[ability](measure(document)) > 0:
        return True
    return _audio(document) if ability == "audio" else ability in _WANTS and _WANTS[ability](document)
