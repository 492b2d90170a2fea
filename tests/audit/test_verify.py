import ast
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.journaling import check, closed, denied, exchanges, opened, segments, write
from guardhouse.audit import chain, verify

EDITS = 1000


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("journal") / "w0"
    write(directory, opened("long"), *exchanges(6), denied("no"), *exchanges(6, 6), segment=2500)
    assert len(segments(directory)) >= 4
    return directory


Lines = list[bytes]


def flip(lines: Lines, draw: random.Random) -> None:
    index = draw.randrange(len(lines))
    line = bytearray(lines[index])
    line[draw.randrange(len(line))] ^= draw.randrange(1, 256)
    lines[index] = bytes(line)


def drop(lines: Lines, draw: random.Random) -> None:
    del lines[draw.randrange(len(lines))]


def swap(lines: Lines, draw: random.Random) -> None:
    first, second = draw.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]


def insert_a_copy(lines: Lines, draw: random.Random) -> None:
    lines.insert(draw.randrange(len(lines) + 1), draw.choice(lines))


def insert_a_forgery(lines: Lines, draw: random.Random) -> None:
    forged, _ = chain.link(draw.randbytes(32), [b'{"kind":"closed","at":1.0,"id":"f","decision":"denied"}'])
    lines.insert(draw.randrange(len(lines) + 1), forged)


def test_a_thousand_random_edits_are_found(journal: Path, tmp_path: Path) -> None:
    """In any segment, at any record; but for the end of the last segment, where a missing record cannot show."""
    draw = random.Random(1)
    edits: list[Callable[[Lines, random.Random], None]] = [flip, drop, swap, insert_a_copy, insert_a_forgery]
    paths = segments(journal)
    missed = []
    for number in range(EDITS):
        source, edit = draw.choice(paths), draw.choice(edits)
        before = source.read_bytes().splitlines(keepends=True)
        lines = before.copy()
        edit(lines, draw)
        if lines == before or (source == paths[-1] and lines == before[:-1]):
            continue
        copy = tmp_path / "copy"
        shutil.copytree(journal, copy)
        (copy / source.name).write_bytes(b"".join(lines))
        if check(copy).fault is None:
            missed.append((number, edit.__name__, source.name))
        shutil.rmtree(copy)
    assert missed == []


def test_the_first_bad_line_is_named(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "w0"
    shutil.copytree(journal, copy)
    path = segments(copy)[1]
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"alice"', b'"alicf"')
    path.write_bytes(b"".join(lines))
    fault = check(copy).fault
    assert fault is not None
    assert (fault.file, fault.line) == (str(path), 3)
    assert "does not follow" in fault.what


def test_whole_records_missing_at_the_very_end_show_only_against_a_digest_kept_elsewhere(
    journal: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "w0"
    shutil.copytree(journal, copy)
    lines = segments(copy)[-1].read_bytes().splitlines(keepends=True)
    segments(copy)[-1].write_bytes(b"".join(lines[:-1]))
    kept, found = check(journal), check(copy)
    assert found.fault is None
    assert (found.records, found.digest) == (kept.records - 1, json.loads(lines[-2])["chain"])
    assert found.digest != kept.digest


def test_a_missing_segment_in_the_middle_is_found_and_missing_first_ones_are_told(
    journal: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "w0"
    shutil.copytree(journal, copy)
    segments(copy)[0].unlink()
    report = check(copy)
    assert (report.fault, report.first, report.open) == (None, 2, ["long"])
    segments(copy)[1].unlink()
    fault = check(copy).fault
    assert fault is not None
    assert "segment 3 is missing" in fault.what


def test_an_empty_or_torn_segment_is_a_fault(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "w0"
    shutil.copytree(journal, copy)
    last = segments(copy)[-1]
    last.write_bytes(last.read_bytes()[:-1])
    assert "torn" in getattr(check(copy).fault, "what", "")
    last.write_bytes(b"")
    assert "empty" in getattr(check(copy).fault, "what", "")


def sealed(directory: Path, *bodies: dict[str, object]) -> Path:
    header = {"kind": "segment", "segment": 1, "previous": verify.GENESIS, "worker": "w0", "at": 1.0, "open": []}
    block, _ = chain.link(chain.GENESIS, [json.dumps(body).encode() for body in ({**header}, *bodies)])
    directory.mkdir()
    (directory / "00000001.jsonl").write_bytes(block)
    return directory


@pytest.mark.parametrize(
    ("bodies", "what"),
    [
        ([{"kind": "opened", "id": "a"}, {"kind": "opened", "id": "a"}], "opened twice"),
        ([{"kind": "closed", "id": "a", "decision": "allowed", "target": "local"}], "without having been opened"),
        ([{"kind": "segment", "segment": 1}], "middle of a segment"),
        ([{"kind": "opened"}], "not a record"),
        ([{"id": "a"}], "not a record"),
    ],
)
def test_well_sealed_records_that_make_no_sense_are_found(
    tmp_path: Path, bodies: list[dict[str, object]], what: str
) -> None:
    fault = check(sealed(tmp_path / "w0", *bodies)).fault
    assert fault is not None
    assert what in fault.what
    assert fault.line == len(bodies) + 1


def test_what_the_gateway_answered_by_itself_names_no_target_and_needs_no_opening(tmp_path: Path) -> None:
    assert check(sealed(tmp_path / "w0", {"kind": "closed", "id": "a", "decision": "allowed"})).fault is None


def test_kinds_of_a_later_version_pass_if_their_seal_holds(tmp_path: Path) -> None:
    report = check(sealed(tmp_path / "w0", {"kind": "held", "id": "a"}))
    assert (report.fault, report.records) == (None, 2)


def test_a_forged_header_that_hides_an_open_exchange_is_found(tmp_path: Path) -> None:
    directory = sealed(tmp_path / "w0", {"kind": "opened", "id": "a"})
    header = {"kind": "segment", "segment": 2, "previous": check(directory).digest, "open": []}
    block, _ = chain.link(bytes.fromhex(check(directory).digest), [json.dumps(header).encode()])
    (directory / "00000002.jsonl").write_bytes(block)
    assert "other exchanges" in getattr(check(directory).fault, "what", "")


def test_all_journals_below_a_directory_are_checked(tmp_path: Path) -> None:
    for worker in ("w0", "w1"):
        write(tmp_path / worker, opened("a"), closed("a"))
    (tmp_path / "empty").mkdir()
    assert [Path(report.journal).name for report in verify.verify(tmp_path)] == ["w0", "w1"]


def run(*arguments: str, cwd: Path) -> tuple[int, str]:
    """The file alone, without the package and without what is installed."""
    command = [sys.executable, "-I", "-S", str(Path(verify.__file__)), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_the_file_runs_alone_and_its_exit_code_is_the_verdict(journal: Path, tmp_path: Path) -> None:
    code, output = run(str(journal.parent), cwd=tmp_path)
    assert (code, json.loads(output)["sound"], json.loads(output)["open"]) == (0, True, ["long"])
    copy = tmp_path / "w0"
    shutil.copytree(journal, copy)
    segments(copy)[0].write_bytes(b"{}\n")
    code, output = run(str(copy), cwd=tmp_path)
    assert (code, json.loads(output)["fault"]["line"]) == (1, 1)
    assert run(str(tmp_path / "nowhere"), cwd=tmp_path)[0] == 2
    assert run(cwd=tmp_path)[0] == 2


def test_a_directory_without_a_journal_is_not_sound(tmp_path: Path) -> None:
    assert verify.main([str(tmp_path)]) == 1


def test_the_verifier_can_be_read_in_one_sitting() -> None:
    source = Path(verify.__file__).read_text()
    assert len(source.splitlines()) <= 150
    imported = {
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for alias in node.names
    }
    assert imported <= set(sys.stdlib_module_names)
