"""Checks a journal with nothing but Python: `python -m guardhouse.audit.verify DIRECTORY`, or a copy of this file.

DIRECTORY is one worker's journal, or a directory of those. Of each it checks that the segments are numbered without a
gap, that each begins with a header naming its number, the last digest of its predecessor and exactly the exchanges that
are open there, that each line's seal is SHA-256(digest of the line before + the line without its `chain` member), that
each `opened` is new, and that each exchange which was let through was opened before. The first fault ends the check of
that journal, as nothing behind it can be trusted; it is named by file and line. Exit code: 0 sound, 1 not, 2 usage.

What is not a fault: exchanges still open at the end (they are counted, and a running gateway has some), and a first
segment with a number above 1 (older ones are kept elsewhere: `first` says where the check began).

What a chain alone cannot show: that whole records, or whole segments, are missing at the very end, and that somebody
who may write the files has computed every seal anew from some line on. Both show against a digest noted earlier and
kept elsewhere: compare `digest` and `records`.
"""

import hashlib
import json
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

GENESIS = "0" * 64
SEAL = re.compile(rb',"chain":"([0-9a-f]{64})"\}\n\Z')
SEAL_LENGTH = 77
NAME = re.compile(r"\d{8}\.jsonl")
TORN_WAIT = 0.1  # seconds a running gateway gets to finish the line that is being read


@dataclass
class Fault:
    file: str
    line: int
    what: str


@dataclass
class Report:
    journal: str
    first: int = 0  # number of the first segment found
    segments: int = 0
    records: int = 0
    digest: str = GENESIS
    open: list[str] = field(default_factory=list)
    fault: Fault | None = None


class _Check:
    """One journal, line by line; what is wrong is said as a sentence, and nothing wrong as an empty one."""

    def __init__(self, journal: Path) -> None:
        self.report = Report(str(journal))
        self.open: dict[str, None] = {}

    def run(self, paths: list[Path]) -> Report:
        self.report.first = int(paths[0].stem)
        for number, path in enumerate(paths, start=self.report.first):
            if self.report.fault is None:
                self._segment(path, number)
        self.report.open = list(self.open)
        return self.report

    def _segment(self, path: Path, number: int) -> None:
        self.report.segments += 1
        count, problem = 0, "" if int(path.stem) == number else f"segment {number} is missing before this one"
        with path.open("rb") as file:
            while not problem and (line := _read_line(file)):
                count += 1
                problem = self._line(line, number if count == 1 else 0)
                self.report.records += not problem
        if problem or not count:
            self.report.fault = Fault(str(path), count, problem or "the segment is empty")

    def _line(self, line: bytes, header_of: int) -> str:
        if not line.endswith(b"\n"):
            return f"the line is torn: {len(line)} bytes without an end"
        body, seal = line[:-SEAL_LENGTH] + b"}", SEAL.search(line)
        try:
            record = json.loads(body)
            problem = self._header(record, header_of) if header_of else ""
            digest = hashlib.sha256(bytes.fromhex(self.report.digest) + body).hexdigest()
            if not problem and (seal is None or digest != seal[1].decode()):
                problem = "the line does not follow the one before it: something was changed, lost, inserted or moved"
            self.report.digest = self.report.digest if problem else digest
            return problem or ("" if header_of else self._pair(record))
        except (LookupError, TypeError, ValueError, RecursionError):
            return "the line is not a record"

    def _header(self, record: dict[str, Any], number: int) -> str:
        if record["kind"] != "segment" or record["segment"] != number:
            return f"the segment does not begin with the header of segment {number}"
        carried = [exchange["id"] for exchange in record["open"]]
        if self.report.segments == 1 and number > 1:
            self.open, self.report.digest = dict.fromkeys(carried), record["previous"]
        if record["previous"] != self.report.digest:
            return "the segment does not follow the one before it"
        return "" if set(carried) == set(self.open) else "the header names other exchanges as open than the records do"

    def _pair(self, record: dict[str, Any]) -> str:
        if record["kind"] == "segment":
            return "a header stands in the middle of a segment"
        if record["kind"] == "opened":
            if record["id"] in self.open:
                return f"exchange {record['id']} is opened twice"
            self.open[record["id"]] = None
        elif record["kind"] == "closed" and record["decision"] != "denied" and "target" in record:
            if record["id"] not in self.open:
                return f"exchange {record['id']} is closed without having been opened"
            del self.open[record["id"]]
        return ""


def _read_line(file: BinaryIO) -> bytes:
    line = file.readline()
    if line and not line.endswith(b"\n"):
        time.sleep(TORN_WAIT)
        line += file.readline()
    return line


def verify(directory: Path) -> list[Report]:
    """One report per journal found in or directly below `directory`; none if there is no journal."""
    found = []
    for journal in [directory, *sorted(path for path in directory.iterdir() if path.is_dir())]:
        paths = sorted(path for path in journal.iterdir() if NAME.fullmatch(path.name))
        if paths:
            found.append(_Check(journal).run(paths))
    return found


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: python -m guardhouse.audit.verify DIRECTORY\n")
        return 2
    reports = verify(Path(arguments[0]))
    for report in reports:
        sys.stdout.write(json.dumps({"sound": report.fault is None, **asdict(report)}) + "\n")
    return 0 if reports and all(report.fault is None for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
