"""`may` of a policy: the operations it is about, each by its name or a whole kind of access by its word.

A word for a kind is read as the operations it stands for, so everything behind knows operations only. The kinds do not
overlap and none includes another: who may administer may not infer unless it is said.

What is deferred (files, batches) is allowed only by its name. A policy that denies or restricts all that infers is
about it as well (`operations_of`): a batch is no way around it.
"""

from collections.abc import Iterable

from guardhouse.model.operation import DEFERRED, OF_ACCESS, Operation
from guardhouse.policy.kinds import Choice
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import UNREAD, Kind, Reading, Schema, Unread
from guardhouse.policy.source import Listing, Node

_WORDS: dict[str, tuple[Operation, ...]] = {
    **{operation.word: (operation,) for operation in Operation},
    **{str(access): operations for access, operations in OF_ACCESS.items()},
}
_WORD = Choice("operation", _WORDS)


class Operations(Kind[tuple[Operation, ...]]):
    def read(self, node: Node, path: Path, reading: Reading) -> tuple[Operation, ...] | Unread:
        if not isinstance(node, Listing):
            return reading.mistyped(node, path, "a list")
        if not node.items:
            return reading.tell(node.line, path, "must name at least one")
        found: list[Operation] = []
        complete = True
        for index, item in enumerate(node.items):
            place = (*path, index)
            operations = _WORD.read(item, place, reading)
            if isinstance(operations, Unread):
                complete = False
                reading.unread.add(place)
                continue
            if not set(operations).isdisjoint(found):
                reading.tell(item.line, place, "is in the list already")
            found += operations
        return tuple(found) if complete else UNREAD

    def schema(self) -> Schema:
        return {"type": "array", "items": _WORD.schema(), "uniqueItems": True, "minItems": 1}


OPERATIONS = Operations()


def operations_of(may: Iterable[Operation], effect: str) -> frozenset[Operation]:
    """All that a policy with this `may` is about."""
    named = frozenset(may)
    return named.union(DEFERRED) if effect != "allow" and named.issuperset(OF_ACCESS["infer"]) else named
