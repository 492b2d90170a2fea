"""What is explained of files and batches, told what their requests are for, is what becomes of them."""

from pathlib import Path

import pytest
from batching import config, form, line, lines_of, ordering, play_batches, uploading
from playbook import Play

from guardhouse.model.operation import Operation
from guardhouse.policy.question import Circumstances, Explanation, Person, Question, explain
from integration.batch_server import Shelf

CHAT, FILES, BATCHES = Operation.CHAT, Operation.FILES, Operation.BATCHES
RULE = '  - {name: further, effect: EFFECT, who: {ids: ["*"]}, may: [MAY], models: [small]THEN}\n'
KEY = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="
KEYS = f"signatures: {{authorities: [here], keys: {{mine: {{algorithm: ed25519, key: {KEY}, of: [alice]}}}}}}\n"
PLACED = 'spare: {kind: openai, url: "http://127.0.0.2:9"}'


def rule(may: str, effect: str = "deny", then: str = "") -> str:
    return RULE.replace("EFFECT", effect).replace("MAY", may).replace("THEN", f", {then}" if then else "")


TRIED = {
    "nothing": config(),
    "no chats": config(more=rule("chat")),
    "no files": config(more=rule("files")),
    "no batches": config(more=rule("batches")),
    "no large ones": config(more=rule("infer", then="when: {size: {at_least: 1B}}")),
    "other requests are denied": config(more=rule("embeddings")),
    "masks": config(more=rule("chat", "restrict", "mask: {entities: [email]}")),
    "one way for all": config(more=rule("chat", "restrict", "route: [local]")),
    "two ways": config(
        more=rule("chat", "restrict", "route: [local]")
        + rule("files", "restrict", "route: [spare]").replace("further", "other")
    ),
    "ways of batches and files": config(
        more=rule("batches", "restrict", "route: [local]")
        + rule("files", "restrict", "route: [spare]").replace("further", "other")
    ),
    "approval of chats": config(more=rule("chat", "restrict", "approve: {by: [security]}")),
    "approval of batches": config(more=rule("batches", "restrict", "approve: {by: [security]}")),
    "signed chats": config(more=rule("chat", "restrict", "require: [signature]") + KEYS),
    "nothing is kept": config().replace(
        "max_output: 100, preamble", "features: {stored: off}, max_output: 100, preamble"
    ),
    "another API": config().replace("kind: openai", "kind: anthropic"),
    "one has another API": config().replace(PLACED, PLACED.replace("openai", "anthropic")),
    "chats alone": config().replace(", files, batches]", "]", 1),
    "no orders": config().replace(", batches]", "]", 1),
    "limits": config("mask: {entities: []}\n    limits: {requests: 100/min}"),
    "no unknown fields": config("mask: {entities: []}\n    unknown_fields: refuse"),
}


def explained(play: Play, may: Operation, size: int) -> Explanation:
    request = Circumstances(client="192.0.2.7", size=size, lines=CHAT)
    who = Person(id="alice", groups=("research",))
    question = Question(who=who, may=may, model="small", request=request)
    return explain(play.plane.snapshot, question, play.plane.now())


def told(play: Play) -> tuple[str, set[str]]:
    """Why the last request was refused, if it was, and by which policies."""
    closed = play.records[-1]
    return closed["reason"] if closed["decision"] == "denied" else "", {*closed.get("policies", ())}


@pytest.mark.parametrize("tried", TRIED)
def test_what_is_told_of_lines_is_what_becomes_of_files_and_batches(tmp_path: Path, tried: str) -> None:
    async def scene(play: Play) -> None:
        body = form(lines_of(line("hello")))
        found = explained(play, FILES, len(body))
        answer = await play.say(uploading(body))
        reason, policies = told(play)
        assert (found.reason, {*found.policies} if not reason else policies) == (reason, policies)
        assert [each.may for each in found.besides] == [CHAT]
        if not reason:
            assert found.first == play.records[-1]["target"]
            found = explained(play, BATCHES, len(body))
            await play.say(ordering(answer.json["id"]))
            reason, policies = told(play)
            assert (found.reason, {*found.policies} if not reason else policies) == (reason, policies)
            assert [each.may for each in found.besides] == [CHAT, FILES]

    play_batches(tmp_path, scene, Shelf(), TRIED[tried])
