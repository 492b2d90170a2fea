"""Where two trees of plain values differ, as dotted paths: for settings that wait for a restart, and for `policy diff`.

Elements of a list that are mappings with a `name` are compared by that name, wherever they stand, because that is how
people think of policies. Other lists are compared as a whole.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from guardhouse.policy.problem import Path, dotted
from guardhouse.policy.settings import Settings
from guardhouse.policy.source import Listing, Node, Scalar, Table

Kind = Literal["added", "removed", "changed"]


class Difference(msgspec.Struct, frozen=True):
    kind: Kind
    path: str
    old: Any = None
    new: Any = None


def differences(old: Any, new: Any, path: Path = ()) -> Iterator[Difference]:
    """In the order of the old tree, what is new at the end of its mapping."""
    before, after = _members(old), _members(new)
    if before is None or after is None:
        if old != new:
            yield Difference("changed", dotted(path), old, new)
        return
    for key in before:
        if key not in after:
            yield Difference("removed", dotted((*path, key)), old=before[key])
        else:
            yield from differences(before[key], after[key], (*path, key))
    for key in after:
        if key not in before:
            yield Difference("added", dotted((*path, key)), new=after[key])


def plain(node: Node) -> Any:
    """A tree of source.py without its lines; what could not be read is left out as nothing."""
    if isinstance(node, Table):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    return node.value if isinstance(node, Scalar) else None


def settings_that_wait(started: Settings, wanted: Settings) -> list[str]:
    """The paths of what is only read at the start and has changed since."""
    trees = [msgspec.to_builtins(settings, enc_hook=str) for settings in (started, wanted)]
    return [found.path for found in differences(*trees)]


def _members(value: Any) -> dict[str, Any] | None:
    """A mapping, or a list of named mappings by their names; None for what is compared as a whole."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        named = {str(item["name"]): item for item in value}
        return named if len(named) == len(value) else None
    return None
