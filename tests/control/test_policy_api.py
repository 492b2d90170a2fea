"""The dry run answers as the policy would decide, to whoever may read the policy."""

from pathlib import Path
from typing import Any

import pytest
from administering import POLICY, Stage, perform

ALICE = {"who": {"id": "alice", "groups": ["research"]}, "may": "chat", "model": "small"}


def test_it_says_what_the_active_policy_decides_and_why(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        reader = stage.key("rita", "may-policy.read")
        told = (await stage.ask("POST", "/api/v1/decide", reader, ALICE)).json()
        assert (told["decision"], told["policies"]) == ("allowed", ["research"])
        assert told["revision"] == stage.edition.active.revision
        assert {step["policy"]: step["applies"] for step in told["steps"]}["all of it"] is False
        bob = {**ALICE, "who": {"id": "bob"}}
        told = (await stage.ask("POST", "/api/v1/decide", reader, bob)).json()
        assert (told["decision"], told["reason"]) == ("denied", "operation_denied")

    perform(tmp_path, scene)


def test_it_tells_what_files_take_and_of_each_operation_why(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        reader = stage.key("rita", "may-policy.read")
        stage.activate(POLICY.replace("may: [chat]", "may: [files]", 1))
        asked = {**ALICE, "may": "files", "request": {"lines": "chat"}}
        told = (await stage.ask("POST", "/api/v1/decide", reader, asked)).json()
        assert (told["decision"], told["reason"]) == ("denied", "operation_denied")
        (chat,) = told["besides"]
        assert (chat["may"], chat["decision"], chat["reason"]) == ("chat", "denied", "operation_denied")
        assert chat["steps"]

    perform(tmp_path, scene)


def test_it_follows_a_change_of_the_policy(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        reader = stage.key("rita", "may-policy.read")
        stage.activate(POLICY.replace("may: [chat]", "may: [embeddings]"))
        told = (await stage.ask("POST", "/api/v1/decide", reader, ALICE)).json()
        assert told["decision"] == "denied"
        assert told["revision"] == stage.edition.active.revision

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    "question",
    [
        *({}, {**ALICE, "more": 1}, {**ALICE, "may": "chatt"}, {**ALICE, "request": {"risk": 11}}, {"who": "alice"}),
        *({**ALICE, "request": {"lines": "chat"}}, {**ALICE, "may": "files", "request": {"lines": "predict"}}),
        {**ALICE, "may": "batches", "request": {"dialect": "ollama"}},
    ],
)
def test_a_question_that_cannot_be_read_is_refused(tmp_path: Path, question: dict[str, Any]) -> None:
    async def scene(stage: Stage) -> None:
        answer = await stage.ask("POST", "/api/v1/decide", stage.key("rita", "may-policy.read"), question)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "shape_invalid")

    perform(tmp_path, scene)
