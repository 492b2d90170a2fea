"""Exchanges as lines of a table that goes on: `guardhouse audit tail` for people.

A table in a terminal is laid out before all of it is known. So the columns are as wide as the widest cell shown so far:
the first lines fit each other, and a wider one that comes later makes room from there on. The heads are shown once,
above the first exchange. The id is last, where it is found by the eye and by `awk '{print $NF}'`.

What each column says is explained in docs/operations.md, "One event in four places".
"""

from collections.abc import Iterable, Iterator

from guardhouse.audit.record import Closed
from guardhouse.cli.output import moment

HEADS = ("TIME", "OUTCOME", "STATUS", "WHO", "OPERATION", "MODEL", "TOKENS", "SECONDS", "WHY", "MASKED", "RISK", "ID")

Cells = tuple[str, ...]


class Columns:
    __slots__ = ("_headed", "_widths")

    def __init__(self) -> None:
        self._widths = [len(head) for head in HEADS]
        self._headed = False

    def lay_out(self, lines: Iterable[str | Cells]) -> Iterator[str]:
        """Exchanges padded to the columns; what is no exchange stands between them as it is."""
        known = list(lines)
        for cells in known:
            if not isinstance(cells, str):
                self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, cells, strict=True)]
        for cells in known:
            if isinstance(cells, str):
                yield cells
                continue
            if not self._headed:
                self._headed = True
                yield self._padded(HEADS)
            yield self._padded(cells)

    def _padded(self, cells: Cells) -> str:
        return "  ".join(map(str.ljust, cells, self._widths)).rstrip()


def cells_of(record: Closed) -> Cells:
    served = record.decision == "allowed"
    return (
        moment(record.at),
        record.outcome,
        str(record.status or "-"),
        record.principal or "-",
        record.operation or "-",
        record.model or "-",
        f"{record.input_tokens}+{record.output_tokens}" if served else "-",
        f"{record.duration:.3f}" if served else "-",
        record.reason or record.finish_reason or "-",
        _masked(record),
        str(record.risk or "-"),
        record.id,
    )


def _masked(record: Closed) -> str:
    """`in:card=1,email=2;out:card=1`: what was masked in the request, and in the answer."""
    sides = (("in", record.masked_request), ("out", record.masked))
    return ";".join(f"{side}:{_counted(counts)}" for side, counts in sides if counts) or "-"


def _counted(counts: dict[str, int]) -> str:
    return ",".join(f"{name}={count}" for name, count in sorted(counts.items()))
