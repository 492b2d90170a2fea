"""Residency over real sockets: traffic of a region fails rather than leaves, and a signed report proves it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from attack.recording import RecordingBackend
from integration.gateway import SOURCE, UPSTREAM_KEY, Gateway, running

REGIONS = {"frankfurt": {"jurisdiction": "EU"}, "virginia": {"jurisdiction": "US"}}
STAYS: dict[str, Any] = {
    "name": "stays",
    "effect": "restrict",
    "who": {"groups": ["research"]},
    "may": ["infer"],
    "models": ["*"],
    "keep_in": ["EU"],
    "route": ["region:EU"],
}
EVERYBODY = {"name": "all", "who": {"ids": ["*"]}, "may": ["infer"], "models": ["*"]}
ABROAD = {"email": ["EU"]}


def configured(eu: str, us: str, **changes: Any) -> dict[str, Any]:
    credential = "${env:UPSTREAM_KEY}"
    return {
        "regions": REGIONS,
        "residency": {"here": "frankfurt", **changes.pop("residency", {})},
        "targets": {
            "local": {"kind": "openai", "url": eu, "credential": credential, "region": "frankfurt"},
            "far": {"kind": "openai", "url": us, "credential": credential, "region": "virginia"},
        },
        "models": {"tiny": {"targets": ["local", "far"]}},
        "policies": [EVERYBODY, STAYS],
        **changes,
    }


def report(gateway: Gateway, *words: str) -> tuple[int, list[dict[str, Any]]]:
    done = gateway.command("residency", "report", "-o", str(gateway.folder / "report.jsonl"), *words)
    lines = (gateway.folder / "report.jsonl").read_text().splitlines()
    return done.returncode, [json.loads(line) for line in lines]


@contextmanager
def model_server() -> "Iterator[subprocess.Popen[str]]":
    line = [sys.executable, "-m", "guardhouse.demo.sample_model"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_traffic_of_a_region_fails_when_its_server_is_killed_and_never_connects_elsewhere(tmp_path: Path) -> None:
    with RecordingBackend() as us, model_server() as eu:
        assert eu.stdout is not None
        url = eu.stdout.readline().strip()
        with running(tmp_path, url, configured(url, us.url)) as gateway:
            assert gateway.chat("before").status == 200
            free = gateway.create_key("bob", "others")
            eu.kill()
            eu.wait()
            for _ in range(5):
                assert gateway.chat("after").status in (502, 503)
            assert us.tape.raw == []
            assert gateway.chat("somebody else", key=free).status == 200
            assert len(us.tape.raw) == 1
            code, lines = report(gateway)
        assert code == 0, lines
        exchanges = [line for line in lines if line["kind"] == "exchange"]
        assert [line["verdict"] for line in exchanges if line.get("principal") == "alice"] == ["kept", *["refused"] * 5]
        assert exchanges[0]["regions"]["prompt"] == ["frankfurt"]
        assert exchanges[-1]["verdict"] == "free"
        assert exchanges[-1]["regions"]["prompt"] == ["frankfurt", "virginia"]
        assert lines[-1]["regions"]["answer"] == {"frankfurt": 2, "virginia": 1}
        assert UPSTREAM_KEY not in (tmp_path / "report.jsonl").read_text()


def test_a_field_is_masked_for_the_hop_that_leaves_and_for_no_other(tmp_path: Path) -> None:
    text = "write to ada@example.org"
    with RecordingBackend() as us, RecordingBackend() as eu:
        changes = configured(
            eu.url,
            us.url,
            residency={"keep_in": ABROAD},
            policies=[EVERYBODY],
            models={"tiny": {"targets": ["local", "far"]}, "abroad": {"targets": ["far"]}},
        )
        with running(tmp_path, eu.url, changes) as gateway:
            assert gateway.chat(text).status == gateway.chat(text, model="abroad").status == 200
            assert text in bytes(eu.tape.raw[0]).decode()
            assert "ada@example.org" not in bytes(us.tape.raw[0]).decode()
            assert "write to [EMAIL]" in bytes(us.tape.raw[0]).decode()
            _, lines = report(gateway)
            withheld = [line.get("withheld") for line in lines if line["kind"] == "exchange"]
            assert withheld == [None, {"email": 1}]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not installed")
def test_a_report_is_verified_by_the_command_of_the_page_and_a_changed_one_is_not(tmp_path: Path) -> None:
    with (
        RecordingBackend() as us,
        RecordingBackend() as eu,
        running(tmp_path, eu.url, configured(eu.url, us.url)) as gateway,
    ):
        assert gateway.chat("hello").status == 200
        assert report(gateway)[0] == 0
    file = tmp_path / "report.jsonl"
    line = "openssl pkeyutl -verify -pubin -inkey report.jsonl.pem -rawin -in report.jsonl -sigfile report.jsonl.sig"
    assert line in (Path(__file__).parents[2] / "docs" / "residency.md").read_text()
    verified = subprocess.run(line.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    file.write_bytes(file.read_bytes().replace(b"frankfurt", b"virginia1"))
    assert subprocess.run(line.split(), cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_a_configuration_with_a_way_out_does_not_start(tmp_path: Path) -> None:
    changes = configured("http://127.0.0.1:9", "http://127.0.0.1:10", policies=[EVERYBODY, {**STAYS, "route": None}])
    del changes["policies"][1]["route"]
    with pytest.raises(AssertionError, match="could be broken"), running(tmp_path, "http://127.0.0.1:9", changes):
        pass
