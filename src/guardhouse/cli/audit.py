"""`guardhouse audit`: show what the journal says of each exchange, and check that the journal is whole.

Both commands read files only, so they work beside a running gateway, after its end, and on a copy elsewhere. What is
shown for people has every character replaced that a terminal could take for a command; `--json` gives the lines as they
were written.
"""

import heapq
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from guardhouse.audit.record import Closed
from guardhouse.audit.segment import list_segments, segment_number
from guardhouse.audit.upkeep import Mended, Outage
from guardhouse.audit.verify import Report
from guardhouse.audit.verify import verify as verify_journals
from guardhouse.cli.columns import Cells, Columns, cells_of
from guardhouse.cli.output import CONFIG, AsJson, Config, answer, moment, refuse, settings_or_refuse
from guardhouse.readers.tail import Position, Tail

app = typer.Typer(no_args_is_help=True, help="Show what was recorded, and check that the record is whole.")

JournalOption = Annotated[
    Path | None, typer.Option("--journal", metavar="DIR", help="The journal itself, instead of a configuration's.")
]

_POLL = 0.2  # seconds
_BUDGET = 1024 * 1024
_SILENT = (b'{"kind":"opened"', b'{"kind":"segment"')


class _Moment(msgspec.Struct):
    at: float = 0.0


_decode_moment = msgspec.json.Decoder(_Moment).decode
_decode_shown = msgspec.json.Decoder(Closed | Mended | Outage).decode


@app.command()
def tail(
    count: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many to show.")] = 20,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is recorded from now on.")] = False,
    journal: JournalOption = None,
    config: Config = CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Every line of the journal, as it is.")] = False,
) -> None:
    """Show the last exchanges, one line each.

    Example: guardhouse audit tail -n 100 -f
    """
    root = _journal_or_refuse(journal, config, as_json=as_json)
    recent, positions = _recent(root, count, everything=as_json)
    columns = Columns()
    _show(recent, columns, as_json=as_json)
    if follow:
        with suppress(KeyboardInterrupt):  # the way in which people end it
            for lines in _follow(root, positions):
                _show(lines, columns, as_json=as_json)


@app.command()
def verify(
    journal: JournalOption = None,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check every seal, link and pair of the journal; exit with 1 if anything is wrong.

    A copy is checked with Python alone: python -m guardhouse.audit.verify DIR

    Example: guardhouse audit verify --journal /var/lib/guardhouse/journal
    """
    reports = verify_journals(_journal_or_refuse(journal, config, as_json=as_json))
    sound = all(report.fault is None for report in reports)
    answer({"sound": sound, "journals": reports}, "\n".join(map(_describe_report, reports)), as_json=as_json)
    if not sound:
        raise typer.Exit(1)


def _journal_or_refuse(journal: Path | None, config: Path, *, as_json: bool) -> Path:
    root = journal or settings_or_refuse(config, as_json=as_json).state / "journal"
    if not root.is_dir() or not any(map(list_segments, _journals(root))):
        refuse(f"there is no journal in {root}", as_json=as_json)
    return root


def _journals(root: Path) -> list[Path]:
    """One worker's directory, or the directory of all workers."""
    return [root] if list_segments(root) else sorted(path for path in root.iterdir() if path.is_dir())


def _recent(root: Path, count: int, *, everything: bool) -> tuple[list[bytes], dict[str, Position]]:
    """The last lines worth showing, of all workers by time, and where each worker's journal ended."""
    positions, found = {}, []
    for directory in _journals(root):
        lines, position = _recent_of(directory, count, everything=everything)
        found.append(lines)
        if position is not None:
            positions[directory.name] = position
    merged = list(heapq.merge(*found, key=_at))
    return merged[len(merged) - count :] if count < len(merged) else merged, positions


def _at(line: bytes) -> float:
    try:
        return _decode_moment(line).at
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0.0


def _recent_of(directory: Path, count: int, *, everything: bool) -> tuple[list[bytes], Position | None]:
    found: list[bytes] = []
    position: Position | None = None
    for path in reversed(list_segments(directory)):
        kept: deque[bytes] = deque(maxlen=count - len(found))
        offset = 0
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    offset += len(line)
                    if everything or not line.startswith(_SILENT):
                        kept.append(line)
        found = [*kept, *found]
        position = position or Position(segment_number(path), offset, path.stat().st_ino)
        if len(found) >= count:
            break
    return found, position


def _follow(root: Path, positions: dict[str, Position]) -> Iterator[list[bytes]]:
    alone = bool(list_segments(root))  # one worker's directory: its neighbours are not asked for
    followed = Tail(root.parent if alone else root, positions)
    while True:
        for block in followed.read(_BUDGET):
            if not alone or block.worker == root.name:
                yield block.lines.splitlines(keepends=True)
        time.sleep(_POLL)


def _show(lines: list[bytes], columns: Columns, *, as_json: bool) -> None:
    if as_json:
        for line in lines:
            typer.echo(line.decode(errors="replace"), nl=False)
        return
    for text in columns.lay_out([_described(line) for line in lines if not line.startswith(_SILENT)]):
        typer.echo(_printable(text))


def _described(line: bytes) -> str | Cells:
    try:
        record = _decode_shown(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return line.decode(errors="replace").rstrip("\n")
    if isinstance(record, Mended):
        return f"{moment(record.at)}  the journal was mended: {record.dropped} bytes of a torn line were cut off"
    if isinstance(record, Outage):
        return f"{moment(record.at)}  the journal could not be written: {record.records} records, {record.error}"
    return cells_of(record)


def _describe_report(report: Report) -> str:
    if report.fault is not None:
        return f"{report.fault.file}:{report.fault.line}: {report.fault.what}"
    return (
        f"{report.journal}: sound: {report.records} records, "
        f"segments {report.first} to {report.first + report.segments - 1}, "
        f"open exchanges: {len(report.open)}, digest {report.digest}"
    )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
