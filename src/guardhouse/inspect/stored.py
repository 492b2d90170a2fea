"""By which members a request refers to what the model server has stored, in whichever API they stand.

A model server knows the gateway's account and none of the callers, so whatever one of them has left there, or an
operator, is there for everybody who knows, guesses or chooses its name. Known are the names of the OpenAI and Anthropic
APIs and what Google and programs that serve models (vLLM, SGLang, TensorRT-LLM) add to them, in any case and with or
without underscores; an object counts as one where it stands for a thing by an `id`, and an item of the Responses API
where it has an `id` and not all that it is about:

- items that the caller's side brings about are complete: messages, calls of functions and their results, what an MCP
  server was asked and said. An id beside that adds nothing, but one without that does;
- what the model server does by itself (searches, code, images) it looks up, as it does what it has thought, unless that
  stands sealed in the item.

Ids are text in all of these APIs, so that a number under such a name refers to nothing.

Not meant is what only says where something was found: annotations and citations. What references.py leaves out, schemas
and arguments of the model's own calls among it, never gets here.
"""

from collections.abc import Mapping
from typing import Any, Final

from guardhouse.model.stored import StoredKind

_NAMES: Final[dict[StoredKind, tuple[str, ...]]] = {
    "caches": ("bootstrap_host", "cached_content"),
    "containers": ("container", "container_id", "container_ids"),
    "conversations": ("conversation", "conversation_id", "thread", "thread_id"),
    "files": ("file_id", "file_ids"),
    "prompts": ("prompt_id",),
    "responses": ("previous_response_id", "response_id", "previous_interaction_id"),
    "skills": ("skill_id", "skill_ids"),
    "vector_stores": ("vector_store_id", "vector_store_ids"),
}
_BY_NAME: Final[dict[str, StoredKind]] = {
    spelt: kind for kind, names in _NAMES.items() for name in names for spelt in (name, name.replace("_", ""))
}
_OBJECTS: Final[dict[str, StoredKind]] = {  # at the top of a document
    "conversation": "conversations",
    "disaggregated_params": "caches",
    "kv_transfer_params": "caches",
    "prompt": "prompts",
    "session_params": "conversations",
    "thread": "conversations",
}
_HOLDERS: Final[dict[str, StoredKind]] = {  # beside those
    "audio": "responses",  # of an earlier answer
    "file": "files",
    "files": "files",
    "vector_store": "vector_stores",
}
_COMPLETE: Final = frozenset(
    (
        *("apply_patch_call", "apply_patch_call_output", "computer_call", "computer_call_output"),
        *("custom_tool_call", "custom_tool_call_output", "function_call", "function_call_output"),
        *("local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output"),
        *("mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools", "message"),
    )
)
_SEALED: Final = frozenset(("compaction", "compaction_summary", "reasoning"))
_SAYING: Final = frozenset(("annotations", "citations"))
_LABELS: Final = frozenset(("call_id", "id", "role", "status", "type"))
_IN_OBJECT: Final = 2  # steps from the document: the object, the member
_IN_ITEM: Final = 3  # steps from the document: the list of items, the number in it, the member

REFERRING: Final = frozenset(("id", "uuid", *_BY_NAME))
SHOWN: Final = frozenset(("id", "uuid", *_OBJECTS, *_HOLDERS, *(name for names in _NAMES.values() for name in names)))


def kind_of_text(name: str, holder: Mapping[str, Any], path: tuple[str | int, ...]) -> StoredKind | None:
    """`name` is one of REFERRING, `path` leads to the text under it, or to one of several."""
    if name == "id":
        return _kind_by_id(holder, path)
    if name == "uuid":  # by which a server keeps what a part holds, for the next to name it
        return "caches" if "content" in path else None
    return None if _parent(path) in _SAYING else _BY_NAME[name]


def kind_of_object(name: str) -> StoredKind | None:
    """Of an object at the top of a document."""
    return _OBJECTS.get(name.casefold())


def _kind_by_id(holder: Mapping[str, Any], path: tuple[str | int, ...]) -> StoredKind | None:
    if len(path) == _IN_ITEM and path[0] == "input":
        return None if _is_complete(holder) else "responses"
    parent = _parent(path).casefold()
    if parent in _OBJECTS and len(path) == _IN_OBJECT:
        return None  # the object counts
    return _HOLDERS.get(parent) or _BY_NAME.get(parent)


def _is_complete(item: Mapping[str, Any]) -> bool:
    kind = item.get("type")
    if type(kind) is str and kind not in _COMPLETE:
        return kind in _SEALED and bool(item.get("encrypted_content"))
    return any(value for name, value in item.items() if name not in _LABELS)


def _parent(path: tuple[str | int, ...]) -> str:
    """The name under which the object stands that holds the last name of the path."""
    last = ""
    for step in reversed(path):
        if type(step) is str:
            if last:
                return step
            last = step
    return ""
