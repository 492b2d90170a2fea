"""How long the answer may become, in tokens, as the request says it, and how that is lowered.

Every field that names a length is read and lowered, since a model server may read any of them. A field of another
operation, or of another API, may be read too, but nobody can rely on it: `is_named` asks for those of the operation
itself. A number of another API may mean "no end" where it is no length, as the -1 of llama.cpp; then it is set.

Each answer is as long. A prompt is a text or a list of tokens; a list of either is as many prompts, each answered.
"""

from typing import Any, Final

from guardhouse.model.operation import Operation

_FOREIGN: Final = ("n_predict", "num_predict", "max_new_tokens")  # which llama.cpp and others read before their own
LENGTHS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens", *_FOREIGN)
_OF_CHAT: Final = ("max_completion_tokens", "max_tokens")


def longest(document: dict[str, Any]) -> int:
    """The largest length that any field names; 0 if none does."""
    longest = 0
    for field in LENGTHS:
        if field in document:
            longest = max(longest, _count(document[field]))
    return longest


def is_named(document: dict[str, Any], operation: Operation) -> bool:
    """Whether a field says a length that every model server takes for the answer's."""
    return any(type(document.get(field)) is int for field in _fields(operation))


def answers(document: dict[str, Any]) -> int:
    """How many answers are made."""
    return max(1, _count(document.get("n")), _count(document.get("best_of"))) * prompts(document.get("prompt"))


def prompts(value: Any) -> int:
    """How many prompts these are; a list of tokens is one."""
    return len(value) if type(value) is list and value and type(value[0]) is not int else 1


def shorten(document: dict[str, Any], operation: Operation, most: int, unsaid: int) -> bool:
    """Lower every length to `most`; where none is named, the smaller of `most` and `unsaid` is put in."""
    changed = not is_named(document, operation)
    if changed:
        document[_fields(operation)[-1]] = min(most, unsaid)
    for field in LENGTHS:
        length = _count(document.get(field))
        if length > most or (not length and field in _FOREIGN and field in document):
            document[field] = most
            changed = True
    return changed


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _fields(operation: Operation) -> tuple[str, ...]:
    """The one that is put in stands last."""
    if operation is Operation.RESPONSES:
        return ("max_output_tokens",)
    return _OF_CHAT if operation is Operation.CHAT else ("max_tokens",)
