"""Sets of patterns that are looked for in one pass, as Hyperscan databases.

Compiling one takes from a millisecond to half a second, without the interpreter's lock. What every exchange needs is
compiled when its module is imported; what few need is compiled by `prepare`, in another thread of a worker that serves
already, or by who comes first. A database has one scratch space: scans must not nest or run in two threads.
"""

from collections.abc import Callable
from typing import Any, Final

import hyperscan

CASELESS: Final[int] = hyperscan.HS_FLAG_CASELESS
DOTALL: Final[int] = hyperscan.HS_FLAG_DOTALL
MULTILINE: Final[int] = hyperscan.HS_FLAG_MULTILINE
ONCE: Final[int] = hyperscan.HS_FLAG_SINGLEMATCH  # told once of each pattern, not of every place

Scan = Callable[..., Any]
Patterns = list[tuple[str, int]]  # and flags


def compiled(patterns: Patterns) -> Scan:
    """Tells of each match by the number of its pattern."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.encode() for pattern, _ in patterns],
        ids=list(range(len(patterns))),
        flags=[flags for _, flags in patterns],
        elements=len(patterns),
    )
    scan: Scan = database.scan
    return scan


class Later:
    """Compiled when it is needed, if nobody has prepared it before."""

    __slots__ = ("_patterns", "_scan")

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self._scan: Scan | None = None
        _DUE.append(self)

    def __repr__(self) -> str:
        return f"<Later {len(self._patterns)} patterns, {'not yet' if self._scan is None else 'compiled'}>"

    def compile(self) -> Scan:
        found = self._scan
        if found is None:
            found = self._scan = compiled(self._patterns)
        return found

    def scan(self, haystack: bytes, note: Scan, context: Any = None) -> None:
        """Calls `note` as Hyperscan does: number of the pattern, start, end, flags, context."""
        scan = self.compile()
        scan(haystack, match_event_handler=note, context=context)


_DUE: list[Later] = []


def prepare(unwanted: Callable[[], bool]) -> None:
    """Compile all of them, as long as it is wanted, so that no exchange has to wait for it. May run in a thread beside
    those that scan."""
    for later in tuple(_DUE):
        if unwanted():
            return
        later.compile()
