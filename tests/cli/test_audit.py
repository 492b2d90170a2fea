import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.journaling import AT, FaultyDisk, closed, denied, exchanges, opened, records, segments, write, writing
from guardhouse.cli.audit import app

CONFIGURATION = """\
state: kept
targets:
  local: {kind: openai, url: "http://127.0.0.1:8000", credential: "${env:NOT_SET_HERE}"}
models:
  small: {targets: [local]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat], models: ["*"]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guardhouse.yaml").write_text(CONFIGURATION)
    return tmp_path


@pytest.fixture
def journal(folder: Path) -> Path:
    return folder / "kept" / "journal"


def run(*words: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output.splitlines()


def test_the_last_exchanges_are_shown_one_line_each(journal: Path) -> None:
    write(journal / "w0", opened("a"), closed("a", risk=8), denied("b"), opened("c"))
    code, (heads, *lines) = run("tail")
    assert code == 0
    assert [re.split(" {2,}", line) for line in (heads, *lines)] == [
        ["TIME", "OUTCOME", "STATUS", "WHO", "OPERATION", "MODEL", "TOKENS", "SECONDS", "WHY", "MASKED", "RISK", "ID"],
        ["2023-11-14 22:13:21Z", "completed", "200", "alice", "chat", "small", "10+5", "0.250", "stop", "-", "8", "a"],
        ["2023-11-14 22:13:20Z", "denied", "-", "alice", "-", "-", "-", "-", "model_denied", "-", "-", "b"],
    ]
    begins = [match.start() for match in re.finditer(r"(?<!\S)\S", heads)]
    assert all(line[begin - 1] == " " != line[begin] for line in lines for begin in begins[1:])


def test_what_was_masked_is_shown_with_its_counts_for_each_side(journal: Path) -> None:
    exchange = closed("a", masked_request={"email": 2, "card": 1}, masked={"api_key": 3})
    write(journal / "w0", opened("a"), exchange)
    _, (heads, line) = run("tail")
    assert line[heads.index("MASKED") :].split()[0] == "in:card=1,email=2;out:api_key=3"


def test_a_failed_model_server_is_told_as_failed_and_not_as_denied(journal: Path) -> None:
    write(journal / "w0", opened("a"), closed("a", outcome="failed", reason="upstream_unreachable", finish_reason=""))
    _, (heads, line) = run("tail")
    assert line[heads.index("OUTCOME") :].split()[0] == "failed"
    assert line[heads.index("WHY") :].split()[0] == "upstream_unreachable"


def test_what_the_journal_says_of_itself_is_shown(journal: Path) -> None:
    disk = FaultyDisk()
    with writing(journal / "w0", disk=disk) as written:
        disk.room = 0
        written.append(denied("a"))
        written.flush()
        disk.room = None
    with segments(journal / "w0")[0].open("ab") as file:
        file.write(b'{"kind":"clo')
    write(journal / "w0")
    code, shown = run("tail")
    assert code == 0
    assert [line.split("  ")[1] for line in shown] == [
        "the journal could not be written: 1 records, ENOSPC",
        "the journal was mended: 12 bytes of a torn line were cut off",
    ]


@pytest.mark.parametrize("count", [0, 1, 5, 20, 100])
def test_as_many_are_shown_as_were_asked_for_across_segments(journal: Path, count: int) -> None:
    write(journal / "w0", *exchanges(20), segment=900)
    _, shown = run("tail", "-n", str(count))
    assert [line.split()[-1] for line in shown[1:]] == [f"x{n}" for n in range(20)][20 - min(count, 20) :]


def test_the_exchanges_of_several_workers_are_shown_by_time(journal: Path) -> None:
    write(journal / "w0", *(denied(f"even-{n}", at=AT + n) for n in (0, 2, 4)))
    write(journal / "w1", *(denied(f"odd-{n}", at=AT + n) for n in (1, 3, 5)))
    _, shown = run("tail", "-n", "4")
    assert [line.split()[-1] for line in shown] == ["ID", "even-2", "odd-3", "even-4", "odd-5"]


def test_json_gives_every_line_as_it_was_written(journal: Path) -> None:
    write(journal / "w0", *exchanges(3))
    _, shown = run("tail", "--json")
    assert [json.loads(line) for line in shown] == records(journal / "w0")


def test_nothing_that_is_shown_commands_the_terminal(journal: Path) -> None:
    write(journal / "w0", denied("a", principal="\x1b[2Jalice\x9b\u202e"))
    code, (_, line) = run("tail")
    assert code == 0
    assert line.isprintable()
    assert "alice" in line


def test_lines_that_cannot_be_read_are_shown_as_they_are(journal: Path) -> None:
    write(journal / "w0", denied("a"))
    with segments(journal / "w0")[0].open("ab") as file:
        file.write(b'{"kind":"held","id":"b"}\nnot \xff json\n')
    code, shown = run("tail")
    assert code == 0
    assert '{"kind":"held","id":"b"}' in shown
    assert any(line.startswith("not ") for line in shown)


@pytest.mark.parametrize("whole", [True, False], ids=["all workers", "one worker"])
def test_follow_goes_on_with_what_is_recorded_until_it_is_interrupted(tmp_path: Path, *, whole: bool) -> None:
    write(tmp_path / "w0", denied("before"))
    write(tmp_path / "w1", denied("beside"))
    command = [sys.executable, "-m", "guardhouse", "audit", "tail", "-n", "5", "-f", "--journal"]
    following = subprocess.Popen(
        [*command, str(tmp_path if whole else tmp_path / "w0")], stdout=subprocess.PIPE, text=True
    )
    with following:
        assert following.stdout is not None
        shown = [following.stdout.readline().split()[-1] for _ in range(3 if whole else 2)]
        write(tmp_path / "w1", denied("beside again"))
        write(tmp_path / "w0", *exchanges(3), segment=900)
        shown += [following.stdout.readline().split()[-1] for _ in range(4 if whole else 3)]
        following.send_signal(signal.SIGINT)
        assert following.wait() == 0
    assert [name for name in shown if name not in ("beside", "again")] == ["ID", "before", "x0", "x1", "x2"]
    assert len(shown) == (7 if whole else 5)


def test_a_sound_journal_is_told_with_its_figures(journal: Path) -> None:
    write(journal / "w0", *exchanges(3), opened("a"), segment=900)
    code, (line,) = run("verify")
    assert code == 0
    assert "sound: 10 records, segments 1 to 3, open exchanges: 1, digest " in line
    code, (document,) = run("verify", "--json")
    found = json.loads(document)
    assert (code, found["sound"], found["journals"][0]["open"]) == (0, True, ["a"])


def test_a_journal_without_its_first_segments_says_where_it_begins(journal: Path) -> None:
    write(journal / "w0", *exchanges(6), segment=900)
    segments(journal / "w0")[0].unlink()
    code, (line,) = run("verify")
    assert code == 0
    assert "segments 2 to " in line


def test_damage_is_told_by_file_and_line_and_exits_with_1(journal: Path) -> None:
    write(journal / "w0", *exchanges(3))
    write(journal / "w1", *exchanges(3))
    path = segments(journal / "w1")[0]
    path.write_bytes(path.read_bytes().replace(b'"id":"x1"', b'"id":"y1"', 1))
    code, shown = run("verify")
    assert code == 1
    assert "w0: sound" in shown[0]
    assert shown[1].startswith(f"{path}:4: the line does not follow")
    code, (document,) = run("verify", "--json")
    found = json.loads(document)
    assert (code, found["sound"], found["journals"][1]["fault"]["line"]) == (1, False, 4)


@pytest.mark.parametrize("command", ["tail", "verify"])
def test_where_there_is_no_journal_that_is_said(folder: Path, command: str) -> None:
    assert run(command) == (1, [f"guardhouse: there is no journal in {folder}/kept/journal"])
    (folder / "empty").mkdir()
    assert run(command, "--journal", "empty") == (1, ["guardhouse: there is no journal in empty"])


@pytest.mark.parametrize("command", ["tail", "verify"])
def test_a_configuration_that_cannot_be_read_is_refused(folder: Path, command: str) -> None:
    (folder / "guardhouse.yaml").unlink()
    code, shown = run(command)
    assert code == 1
    assert shown[0].startswith("guardhouse.yaml")


def test_a_journal_elsewhere_needs_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "copy", *exchanges(1))
    assert run("verify", "--journal", "copy")[0] == 0
    assert len(run("tail", "--journal", "copy")[1]) == 2
