"""What quotas and budgets remember across a restart, however the last one ended: the counters of a worker in a file.

The journal is the truth: every exchange that used anything has a `closed` record with its tokens and cost. The file
says how far the journal was read and what the counters were then, so that only the rest has to be read again. A
worker saves it now and then, between two writes of its journal, when both say the same; it writes no line for it on
the path.

At a start the file is read and the `closed` records behind it are added, those of exchanges among them that a killed
worker left open (they are closed by then, with the input they had sent). Without a file, or with one that does not
fit the journal, the journal is read from where the oldest window began. So a budget survives `kill -9` to the token,
and a lost file costs time and nothing else.

Only finished use is kept. Rates and places begin anew: what a rate forgets, it would have refilled within its window.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from guardhouse.audit.segment import list_segments, segment_number
from guardhouse.limits.calendar import window_at
from guardhouse.limits.load import Load
from guardhouse.limits.quota import Price, Use
from guardhouse.limits.rate import LimitRule
from guardhouse.limits.table import LimitTable

_PASSED = ("passed", "changed")


class Saved(msgspec.Struct):
    at: float  # Unix time
    segment: int
    offset: int
    uses: list[Use]


class _Closed(msgspec.Struct, gc=False):
    at: float
    decision: str
    outcome: str
    principal: str = ""
    model: str = ""
    policies: tuple[str, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    currency: str = ""
    charged: int = 0
    charged_cost: int = 0
    duration: float = 0.0
    controls: dict[str, str] = {}

    @property
    def admitted(self) -> bool:
        """Whether it was counted as a request: it went out, or was refused only after admission."""
        return self.decision == "allowed" or self.controls.get("admission") in _PASSED


class _Header(msgspec.Struct):
    at: float


_decode_saved = msgspec.json.Decoder(Saved).decode
_decode_closed = msgspec.json.Decoder(_Closed).decode
_decode_header = msgspec.json.Decoder(_Header).decode


def save(path: Path, table: LimitTable, position: tuple[int, int], at: float) -> None:
    """The counters as they are when the journal ends at `position`: a segment and its size."""
    fresh = path.with_suffix(".new")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.encode(Saved(at, *position, table.uses(at))))
    fresh.replace(path)


def restore(  # noqa: PLR0917 - called once per start
    path: Path, journal: Path, table: LimitTable, rules: dict[str, LimitRule], prices: dict[str, Price], at: float
) -> int:
    """Bring the counters up to the end of the journal; how many records that took."""
    limited = {name: rule for name, rule in rules.items() if rule.quotas}
    if not limited:
        return 0
    saved = _load(path, journal)
    table.restore(limited, [] if saved is None else saved.uses, at)
    begin = min(window_at(quota.window, quota.zone, at)[0] for rule in limited.values() for quota in rule.quotas)
    count = 0
    for line in _lines(journal, saved, begin):
        if line.startswith(b'{"kind":"closed"'):
            closed = _decode_closed(line)
            if closed.admitted:
                _add(table, limited, closed, prices.get(closed.model), at)
                count += 1
    return count


def _add(table: LimitTable, rules: dict[str, LimitRule], closed: _Closed, price: Price | None, at: float) -> None:
    tokens, money, currency = closed.input_tokens + closed.output_tokens, closed.cost, closed.currency
    if closed.outcome == "aborted" and price is not None:
        money, currency = price.of(closed.input_tokens, closed.output_tokens), price.currency
    load = Load(tokens, money, closed.charged or tokens, closed.charged_cost or money)
    for policy in closed.policies:
        if policy in rules:
            admitted = closed.at - closed.duration
            table.charge(closed.principal, rules[policy], admitted, load, currency, at)


def _load(path: Path, journal: Path) -> Saved | None:
    """What was saved, if the journal still is the one it was saved with."""
    try:
        saved = _decode_saved(path.read_bytes())
        size = (journal / f"{saved.segment:08d}.jsonl").stat().st_size
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return saved if size >= saved.offset else None


def _lines(journal: Path, saved: Saved | None, begin: float) -> Iterator[bytes]:
    """The lines behind what was saved, or all that may lie in a window that began at `begin`."""
    segments = list_segments(journal) if journal.is_dir() else []
    if saved is not None:
        segments = [segment for segment in segments if segment_number(segment) >= saved.segment]
    else:
        segments = _since(segments, begin)
    for segment in segments:
        with segment.open("rb") as file:
            if saved is not None and segment_number(segment) == saved.segment:
                file.seek(saved.offset)
            yield from file


def _since(segments: list[Path], begin: float) -> list[Path]:
    """From the last segment that was begun before `begin` on."""
    for index in reversed(range(len(segments))):
        with segments[index].open("rb") as file:
            if _decode_header(file.readline()).at < begin:
                return segments[index:]
    return segments
