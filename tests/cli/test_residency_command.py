import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardhouse.cli.main import app

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "residency"


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["residency", *words])
    return done.exit_code, done.output


def test_every_way_and_place_is_shown_with_what_the_rules_say() -> None:
    code, text = run("check", "-c", str(EXAMPLES / "02-one-group.yaml"))
    assert code == 0
    assert "this gateway" in text
    assert "target us-1 (region virginia, jurisdiction US): closed for: policy support stays in the EU" in text
    assert "target eu-1 (region frankfurt, jurisdiction EU): kept: policy support stays in the EU" in text


def test_a_configuration_with_a_broken_rule_is_shown_whole_and_fails() -> None:
    code, text = run("check", "-c", str(EXAMPLES / "03-refused.yaml"), "--json")
    assert code == 1
    found = json.loads(text)
    assert not found["sound"]
    assert len(found["problems"]) == 2
    broken = [place["name"] for place in found["places"] if place.get("broken")]
    assert broken == ["copy:siem"]
    leaving = [way["way"]["models"] for way in found["ways"] if any(r["verdict"] == "leaves" for r in way["rulings"])]
    assert leaving == [["llama-70b", "llama-8b"]]


def test_what_is_taken_out_on_a_way_is_named() -> None:
    _, text = run("check", "-c", str(EXAMPLES / "06-fields.yaml"))
    assert "without email, iban, tool_texts: residency" in text


def test_one_model_s_ways_can_be_asked_for() -> None:
    _, text = run("check", "-c", str(EXAMPLES / "04-model.yaml"), "--model", "support-tuned", "--json")
    assert {way["way"]["models"][0] for way in json.loads(text)["ways"]} == {"support-tuned"}


def test_what_is_wrong_with_the_rest_of_a_configuration_is_told_instead(tmp_path: Path) -> None:
    config = tmp_path / "guardhouse.yaml"
    config.write_text((EXAMPLES / "01-everything.yaml").read_text().replace("[gpu-1, gpu-2]", "[gpu-1, gpu-3]"))
    code, text = run("check", "-c", str(config))
    assert code == 1
    assert "unknown target" in text


def test_without_a_journal_there_is_nothing_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guardhouse.yaml").write_text((EXAMPLES / "01-everything.yaml").read_text())
    code, text = run("report", "-o", "report.jsonl")
    assert code == 1
    assert "no journal" in text


def test_verification_needs_a_report_a_signature_and_a_key(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(b"{}")
    (tmp_path / "r.sig").write_bytes(b"0" * 64)
    (tmp_path / "k.pem").write_text("nothing")
    code, text = run("verify", str(tmp_path / "r"), "--key", str(tmp_path / "k.pem"))
    assert code == 1
    assert "cannot be verified" in text
