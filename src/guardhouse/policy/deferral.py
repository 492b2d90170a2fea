"""What it takes to leave requests in a file, to have them carried out, and to look after both: for who asks.

Whoever does any of it needs the operation of the requests, too, and who orders a batch what uploading its file needs.
All the policies of all these operations count together (`decide.both`, as in path/deferred.py).
"""

from collections.abc import Iterator, Mapping

from guardhouse.model.dialect import DialectName
from guardhouse.model.operation import DEFERRED, Operation
from guardhouse.policy.decide import both
from guardhouse.policy.problem import unknown
from guardhouse.policy.snapshot import Grant, Refusal, Snapshot
from guardhouse.wire.dialects.batch.dialect import UPLOADING
from guardhouse.wire.dialects.batch.lines import OPERATIONS

DIALECT: DialectName = UPLOADING.name
LINES = OPERATIONS  # by their words


def fault_in(may: Operation, lines: Operation | None, model: str | None, dialect: DialectName | None) -> str:
    """Why it cannot be asked about requests for `lines`; empty if it can."""
    if may in DEFERRED and dialect not in (None, DIALECT):
        return f"dialect: {may.word} are of the dialect {DIALECT} alone"
    if lines is None:
        return ""
    if may not in DEFERRED:
        return f"lines: only {' and '.join(operation.word for operation in DEFERRED)} have any"
    if lines not in OPERATIONS.values():
        return f"lines: {unknown('operation of lines', lines.word, OPERATIONS)}"
    return "" if model is not None else "lines: name the model that they are for"


def operations_of(may: Operation, lines: Operation | None) -> tuple[Operation, ...]:
    """All that the use takes, what it is called by first."""
    if lines is None or may not in DEFERRED:
        return (may,)
    return (may, lines) if may is Operation.FILES else (may, lines, Operation.FILES)


def together(
    snapshot: Snapshot,
    decisions: Mapping[Operation, Grant | Refusal],
    may: Operation,
    lines: Operation | None,
    model: str | None,
) -> Grant | Refusal:
    """What all of `operations_of` grant; each of them has its decision."""
    decision = decisions[may]
    if model is None or lines is None or may not in DEFERRED:
        return decision
    decision = both(snapshot, decision, decisions[lines], model)
    if may is Operation.FILES:
        return decision
    return both(snapshot, decision, both(snapshot, decisions[Operation.FILES], decisions[lines], model), model)


def untold(may: Operation, lines: Operation | None) -> Iterator[str]:
    """What would have to be known besides."""
    if may not in DEFERRED:
        return
    if lines is None:
        yield "whether what its requests are for (lines) is allowed, which it needs as well, and what holds for that"
    elif may is Operation.BATCHES:
        yield "whether its file was uploaded under these very policies, without which it has to be uploaded again"
        yield "at which server its file is, which alone may have it"
