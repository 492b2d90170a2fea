"""How soon a switch is felt, from the command line to a worker that serves: within a second."""

import json
from pathlib import Path

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.polling import eventually

FELT = 1.0


def code_of(gateway: Gateway) -> str:
    answer = gateway.chat("hello")
    return "" if answer.status == 200 else str(json.loads(answer.body)["error"]["code"])


def test_a_suspension_and_its_end_are_felt_within_a_second(tmp_path: Path) -> None:
    with (
        RecordingBackend() as back_end,
        running(tmp_path, back_end.url, {"workers": 2, "limits_scope": "process"}) as gateway,
    ):
        for off, on, code in (
            (("suspend", "alice"), ("unsuspend", "alice"), "principal_suspended"),
            (("gates", "close", "tiny"), ("gates", "open", "tiny"), "model_closed"),
        ):
            assert gateway.command(*off).returncode == 0
            eventually(lambda code=code: {code_of(gateway) for _ in range(8)} == {code}, FELT, f"{off} is felt")
            assert gateway.command(*on).returncode == 0
            eventually(lambda: {code_of(gateway) for _ in range(8)} == {""}, FELT, f"{on} is felt")
        lines = (gateway.state / "journal" / "control" / "00000001.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        names = [event["name"] for event in events if event["kind"] == "event"]
        assert names == ["principal.suspended", "principal.unsuspended", "model.closed", "model.opened"]
        eventually(
            lambda: 'guardhouse_events_total{name="model.opened"} 1.0' in gateway.metrics(), 2, "they are counted"
        )
