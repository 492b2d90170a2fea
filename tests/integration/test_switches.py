"""How soon a switch is felt, from the command line to a worker that serves: within a second."""

import json
from pathlib import Path

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.polling import eventually

FELT = 1.0


def felt(gateway: Gateway, code: str, words: tuple[str, ...]) -> None:
    """The command is run, and after a second at most every worker refuses with `code`, or serves where it is empty."""
    assert gateway.command(*words).returncode == 0
    eventually(lambda: {code_of(gateway) for _ in range(8)} == {code}, FELT, f"{words} is felt")


def code_of(gateway: Gateway) -> str:
    answer = gateway.chat("hello")
    return "" if answer.status == 200 else str(json.loads(answer.body)["error"]["code"])


def test_a_switch_is_felt_within_a_second_and_recorded(tmp_path: Path) -> None:
    changes = {"workers": 2, "limits_scope": "process"}
    with RecordingBackend() as back_end, running(tmp_path, back_end.url, changes) as gateway:
        felt(gateway, "principal_suspended", ("suspend", "alice"))
        felt(gateway, "", ("unsuspend", "alice"))
        felt(gateway, "model_closed", ("gates", "close", "tiny"))
        felt(gateway, "", ("gates", "open", "tiny"))
        lines = (gateway.state / "journal" / "control" / "00000001.jsonl").read_text().splitlines()
        told = [event.get("name", "") for event in map(json.loads, lines)]
        names = [name for name in told if name.startswith(("principal.", "model."))]
        assert names == ["principal.suspended", "principal.unsuspended", "model.closed", "model.opened"]
        eventually(
            lambda: 'guardhouse_events_total{name="model.opened"} 1.0' in gateway.metrics(), 2, "they are counted"
        )
        told = json.loads(gateway.command("usage", "--json").stdout)
        assert [each["principal"] for each in told["principals"]] == ["alice"]
        assert told["principals"][0]["refused"] >= 16
        assert set(told["workers"]) == {"w0", "w1"}


def test_refusals_that_pile_up_suspend_by_rule(tmp_path: Path) -> None:
    rule = {"name": "probing", "reasons": ["model_denied"], "above": "5/min", "lasting": "1h"}
    with RecordingBackend() as back_end, running(tmp_path, back_end.url, {"suspend": [rule]}) as gateway:
        for _ in range(6):
            assert gateway.chat("hello", model="secret").status == 403
        eventually(lambda: code_of(gateway) == "principal_suspended", 2 * FELT, "the rule is felt")
        [standing] = json.loads(gateway.command("standing", "--json").stdout)
        assert (standing["name"], standing["by"]) == ("alice", "rule:probing")
