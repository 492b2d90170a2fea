"""The scenes about what is left of the traffic: the journal, the metrics, and the proof that nobody changed them."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from guardhouse.demo.play import Play
from guardhouse.demo.processes import eventually, expect, fetch

Record = dict[str, Any]

SHOWN_METRICS = (
    "llm_inference_requests_total",
    "llm_inference_rate_limit_hits_total",
    "llm_inference_high_risk_prompts_total",
    "llm_inference_output_tokens_total",
)


def segments(journal: Path) -> list[Path]:
    return sorted(journal.rglob("*.jsonl"))


def records(journal: Path) -> list[Record]:
    return [json.loads(line) for path in segments(journal) for line in path.read_text().splitlines()]


def records_of(play: Play, request_id: str) -> list[Record]:
    """The opened and the closed record of one exchange. Both are written before its last byte was sent."""
    found = [record for record in records(play.setting.journal) if record.get("id") == request_id]
    expect(found, f"the journal knows nothing of the request {request_id}")
    return found


def journal(play: Play) -> None:
    screen = play.screen
    screen.scene("The journal has every one of these requests, and none of their content")
    rows = []
    for request_id in play.sent:
        *opened, closed = records_of(play, request_id)
        rows.append(row_of(opened[0] if opened else {}, closed))
    screen.table(("who", "operation", "model", "decision", "status", "reason", "masked in", "masked out", "risk"), rows)
    text = "".join(path.read_text() for path in segments(play.setting.journal))
    for value in play.private:
        expect(value not in text, "the journal holds something that it must not")
    screen.says(
        "RECORDED",
        f"{len(play.sent)} requests; of {len(play.private)} values that must not be there, none is",
    )
    screen.says("why", "Texts are kept as keyed hashes and counts. The record is written before the answer ends.")


def row_of(opened: Record, closed: Record) -> tuple[str, ...]:
    return (
        closed.get("principal") or "-",
        closed.get("operation") or "-",
        closed.get("model") or "-",
        closed["decision"],
        str(closed["status"]),
        closed.get("reason") or "-",
        ",".join(sorted(opened.get("masked", {}))) or "-",
        ",".join(sorted(closed.get("masked", {}))) or "-",
        str(closed.get("risk", 0)),
    )


def metrics(play: Play) -> None:
    screen, url = play.screen, f"{play.setting.admin}/metrics"
    screen.scene("Prometheus sees the same, counted by a reader of the journal")
    limited = re.compile(r'^llm_inference_rate_limit_hits_total\{[^}]*user_id="bob"[^}]*\} [1-9]', re.MULTILINE)
    eventually(lambda: bool(limited.search(fetch(url)[1])), "the limit that bob hit did not become a metric")
    lines = [line for line in fetch(url)[1].splitlines() if line.startswith(SHOWN_METRICS)]
    screen.says("asks", f"Prometheus: GET {url} (an excerpt: what concerns a caller and a model)")
    beside = (" 0.0", 'user_id=""', 'model_id=""')
    screen.verbatim([line for line in lines if not any(part in line for part in beside)])


def audit(play: Play) -> None:
    screen, setting = play.screen, play.setting
    screen.scene("Anybody can prove that the journal was not changed")
    screen.says("does", "the operator: guardhouse audit verify")
    journals = json.loads(setting.operate("audit", "verify", "--json"))["journals"]
    genuine = max(journals, key=lambda journal: journal["records"])  # beside it, the control process keeps one
    sound = all(journal["fault"] is None for journal in journals)
    expect(sound and genuine["records"] >= len(play.sent), "the journal is not sound")
    screen.says("PROVEN", f"{genuine['records']} records, the last with the digest {genuine['digest'][:16]}…")
    screen.says(
        "why", "What reaches a model server has two records; and somebody asked whether bob's key was revoked yet."
    )
    copy = setting.folder / "copy"
    shutil.copytree(setting.journal, copy)
    changed = segments(copy / "w0")[0]
    changed.write_text(changed.read_text().replace('"principal":"bob"', '"principal":"eve"', 1))
    screen.says("does", "somebody, in a copy of it: writes eve for bob in one record")
    done = setting.run("audit", "verify", "--journal", str(copy), "--json")
    expect(done.returncode == 1, f"a changed copy of the journal was not refused: {done.stdout}{done.stderr}")
    (forged,) = (journal for journal in json.loads(done.stdout)["journals"] if journal["fault"])
    screen.says("FORGED", f"line {forged['fault']['line']}: {forged['fault']['what']}")
    screen.says("why", "Each record is sealed with a digest of itself and of all before it.")
