"""Files and batches through the whole path: whose they are, what is read of them, what they cost, what comes back."""

import json
from pathlib import Path
from typing import Any

import pytest
from batching import (
    MASKED,
    SECRET,
    ask,
    closed_of,
    config,
    contents,
    form,
    line,
    lines_of,
    order,
    ordering,
    play_batches,
    say,
    script_of,
    upload,
    uploading,
)
from playbook import BOB, Play

from integration.batch_server import EMAIL, Asked, Shelf, Told, told


def test_a_file_is_uploaded_ordered_followed_and_read(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello there"), line("good evening", 2))
        batch = await order(play, file)
        assert contents(shelf) == [["hello there", "good evening"]]
        told = (await ask(play, b"GET", f"/v1/batches/{batch}")).json
        assert (told["id"], told["input_file_id"], told["status"]) == (batch, file, "completed")
        results = await ask(play, b"GET", f"/v1/files/{told['output_file_id']}/content")
        answers = [json.loads(one) for one in results.body.splitlines()]
        said = [(one["custom_id"], one["response"]["body"]["choices"][0]["message"]["content"]) for one in answers]
        assert said == [("q1", f"there, wrote {EMAIL}"), ("q2", f"evening, wrote {EMAIL}")]
        assert (await ask(play, b"GET", f"/v1/files/{file}")).json["id"] == file
        assert (await ask(play, b"POST", f"/v1/batches/{batch}/cancel")).json["status"] == "cancelling"
        assert (await ask(play, b"DELETE", f"/v1/files/{file}")).json == {"id": file, "object": "file", "deleted": True}
        closed = closed_of(play)
        assert [record["operation"] for record in closed] == [
            *("files", "batches", "batches", "files", "files", "batches", "files")
        ]
        assert {(record["model"], record["target"], record["outcome"]) for record in closed} == {
            ("small", "local", "completed")
        }

    play_batches(tmp_path, scene, shelf)


def test_the_model_server_gets_its_own_name_and_the_gateway_s_form(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        await upload(play, line("hello", model="other"))
        asked = shelf.asked[0]
        assert json.loads(shelf.files["file-0001"])["body"]["model"] == "its-real-name"
        assert asked.headers["authorization"] == "bearer upstream-credential"
        assert b"my prompts" not in asked.body
        assert b"abc" not in asked.body
        assert "idempotency-key" not in asked.headers

    play_batches(tmp_path, scene, shelf)


def test_who_has_no_policy_for_files_or_batches_gets_none(tmp_path: Path) -> None:
    text = config().replace(", files, batches]", "]")

    async def scene(play: Play) -> None:
        for said in (uploading(form(lines_of(line("x")))), ordering("file-x"), say(b"GET", "/v1/files/file-x")):
            play.wire, play.caller = play.connect()
            assert (await play.say(said)).code == "operation_denied"

    play_batches(tmp_path, scene, Shelf(), text)


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches", "/v1/files?limit=1"])
def test_nobody_gets_a_list(tmp_path: Path, path: str) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        assert (await ask(play, b"GET", path)).code == "method_not_allowed"
        assert shelf.asked == []

    play_batches(tmp_path, scene, shelf)


def test_nobody_has_another_s_files_and_batches(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        batch = await order(play, file)
        told = (await ask(play, b"GET", f"/v1/batches/{batch}")).json
        before = len(shelf.asked)
        tries = [
            (b"GET", f"/v1/files/{file}"),
            (b"DELETE", f"/v1/files/{file}"),
            (b"GET", f"/v1/files/{file}/content"),
            (b"GET", f"/v1/files/{told['output_file_id']}/content"),
            (b"GET", f"/v1/batches/{batch}"),
            (b"POST", f"/v1/batches/{batch}/cancel"),
        ]
        for method, path in tries:
            assert (await ask(play, method, path, BOB)).code == "id_unknown", path
        play.wire, play.caller = play.connect()
        assert (await play.say(ordering(file, BOB))).code == "id_unknown"
        assert len(shelf.asked) == before

    play_batches(tmp_path, scene, shelf)


def test_the_model_server_s_own_ids_are_nobody_s(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        await order(play, await upload(play, line("hello")))
        before = len(shelf.asked)
        for path in ("/v1/files/file-0001", "/v1/files/file-0001/content", "/v1/batches/batch_0001"):
            assert (await ask(play, b"GET", path)).code == "id_unknown"
        assert len(shelf.asked) == before

    play_batches(tmp_path, scene, shelf)


def test_the_model_server_s_own_ids_are_not_told_in_its_words_either(tmp_path: Path) -> None:
    shelf = Shelf()
    named = Named(shelf)

    async def scene(play: Play) -> None:
        play.server.script = script_of(named)
        file = await upload(play, line("hello"))
        batch = await order(play, file)
        shelf.batches["batch_0001"]["errors"] = {"data": [{"message": "Bad line in file-0001 of batch_0001."}]}
        told = await ask(play, b"GET", f"/v1/batches/{batch}")
        output = told.json["output_file_id"]
        assert told.json["errors"]["data"][0]["message"] == f"Bad line in (the input file) of {batch}."
        looked = await ask(play, b"GET", f"/v1/files/{output}")
        assert (looked.json["id"], looked.json["filename"]) == (output, "output.jsonl")
        shelf.files.clear()
        shelf.batches.clear()
        gone = [
            await ask(play, b"GET", f"/v1/files/{file}"),
            await ask(play, b"DELETE", f"/v1/files/{output}"),
            await ask(play, b"POST", f"/v1/batches/{batch}/cancel"),
            await ask(play, b"GET", f"/v1/files/{output}/content"),
        ]
        assert [answer.status for answer in gone] == [404] * 4
        assert gone[0].json["error"]["message"] == f"No such thing: /v1/files/{file}"
        for answer in (told, looked, *gone):
            assert not [id_ for id_ in (b"file-0001", b"batch_0001", b"file-out") if id_ in answer.raw]

    play_batches(tmp_path, scene, shelf)


class Named(Shelf):
    """A shelf whose words have ids in them."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self._shelf = shelf

    def answer(self, asked: Asked) -> Told:
        said = self._shelf.answer(asked)
        if said.status == 404:
            return told({"error": {"message": f"No such thing: {asked.path}", "type": "invalid_request_error"}}, 404)
        return said._replace(body=said.body.replace(b'"filename": "f', b'"filename": "batch_0001_output'))


def test_an_id_that_was_changed_anywhere_is_unknown(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        before = len(shelf.asked)
        for at in range(5, len(file), 7):
            other = file[:at] + ("A" if file[at] != "A" else "B") + file[at + 1 :]
            assert (await ask(play, b"GET", f"/v1/files/{other}")).code == "id_unknown"
        for other in (file[:-1], file + "A", "batch_" + file[5:], file + "=", file.replace("file-", "file-A")):
            assert (await ask(play, b"GET", f"/v1/files/{other}")).status == 404
        assert (await ask(play, b"GET", f"/v1/batches/batch_{file[5:]}")).code == "id_unknown"
        assert len(shelf.asked) == before

    play_batches(tmp_path, scene, shelf)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/files/../models", "/v1/files/%2e%2e", "/v1/files/a/b", "/v1/files//content", "/v1/files/a/content/"),
        *("/v1/files/", "/v1/batches/a/results", "/v1/files/a/cancel", "/v1/batches/a/content", "/v1/files/a%00"),
        f"/v1/files/{'a' * 3000}",
    ],
)
def test_paths_that_are_none_lead_nowhere(tmp_path: Path, path: str) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        assert (await ask(play, b"GET", path)).code in ("route_unknown", "target_invalid")
        assert shelf.asked == []

    play_batches(tmp_path, scene, shelf)


def test_requests_are_masked_in_all_lines(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        await upload(play, line(SECRET), line("hello", 2), line(SECRET, 3))
        assert contents(shelf) == [[MASKED, "hello", MASKED]]
        assert EMAIL.encode() not in shelf.asked[0].body
        (closed,) = closed_of(play)
        assert closed["masked_request"] == {"email": 2}
        assert len(play.records[0]["message_hashes"]) == 3

    play_batches(tmp_path, scene, shelf, config("mask: {entities: [email]}"))


def test_results_objects_and_errors_are_masked(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        batch = await order(play, await upload(play, line("hello"), line("hi", 2)))
        shelf.batches["batch_0001"]["metadata"] = {"who": EMAIL}
        told = await ask(play, b"GET", f"/v1/batches/{batch}")
        assert told.json["metadata"] == {"who": "[EMAIL]"}
        answer = await ask(play, b"GET", f"/v1/files/{told.json['output_file_id']}/content")
        texts = [
            json.loads(one)["response"]["body"]["choices"][0]["message"]["content"] for one in answer.body.splitlines()
        ]
        assert texts == ["hello, wrote [EMAIL]", "hi, wrote [EMAIL]"]
        assert closed_of(play)[-1]["masked"] == {"email": 2}
        shelf.batches.clear()
        answer = await ask(play, b"GET", f"/v1/batches/{batch}")
        assert (answer.status, answer.json["error"]["message"]) == (404, "No such thing, says [EMAIL]")

    play_batches(tmp_path, scene, shelf, config("mask: {entities: [email]}"))


@pytest.mark.parametrize(
    "content",
    [
        b"no lines of json",
        b'{"a": 1, "a": 2}\n',
        b'{"response": {"body": {"choices": [{"message": {"audio": {"a": 1}}}]}}}',
    ],
)
def test_results_that_cannot_be_read_are_refused_where_answers_are_masked(tmp_path: Path, content: bytes) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        shelf.files["file-0001"] = content
        assert (await ask(play, b"GET", f"/v1/files/{file}/content")).code == "response_unreadable"
        assert closed_of(play)[-1]["reason"] == "response_unreadable"

    play_batches(tmp_path, scene, shelf, config("mask: {entities: [email]}"))


def test_a_server_that_mixes_things_up_tells_nobody(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("mine"))
        batch = await order(play, file)
        shelf.batches["batch_0001"]["input_file_id"] = "file-0009"
        shelf.files["file-0009"] = shelf.files["file-0001"]
        assert (await ask(play, b"GET", f"/v1/batches/{batch}")).code == "response_unreadable"
        shelf.batches["batch_0001"] |= {"input_file_id": "file-0001", "id": "batch_0002"}
        assert (await ask(play, b"GET", f"/v1/batches/{batch}")).code == "response_unreadable"

    play_batches(tmp_path, scene, shelf)


def result(model: str, text: str = "fine", status: Any = 200) -> bytes:
    body = {
        "id": "c",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": {"content": text}}],
    }
    return json.dumps({"custom_id": "q", "response": {"status_code": status, "body": body}, "error": None}).encode()


@pytest.mark.parametrize(
    ("said", "content", "code"),
    [
        ("pin: {drift: refuse}", result("small") + b"\n" + result("small"), ""),
        ("pin: {drift: refuse}", result("small") + b"\n" + result("stranger"), "model_drifted"),
        ("pin: {drift: refuse}", result("stranger", status=201), "model_drifted"),
        ("pin: {drift: refuse}", result("stranger", status=None), "model_drifted"),
        ("pin: {drift: refuse}", result("stranger", status=500), ""),
        ("pin: {drift: refuse}", b"no json", "response_unreadable"),
        ("pin: {drift: refuse}", b"{}\n" * 50_001, "response_unreadable"),
        ("pin: {drift: tell}", result("stranger"), ""),
        ("pin: {drift: tell}", b"no json", ""),
        ("contract: talk", result("small"), ""),
        ("contract: talk", result("small") + b"\n" + result("small", "much too long"), "answer_off_contract"),
    ],
)
def test_results_are_held_to_what_answers_are_held_to(tmp_path: Path, said: str, content: bytes, code: str) -> None:
    shelf = Shelf()
    short = "{properties: {choices: {items: {properties: {message: {properties: {content: {maxLength: 9}}}}}}}}"
    more = f'contracts: {{talk: {{version: "1.0", response: {{schema: {short}}}}}}}\n' if "talk" in said else ""

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        assert (await ask(play, b"GET", f"/v1/files/{file}")).status == 200
        shelf.files["file-0001"] = content
        answer = await ask(play, b"GET", f"/v1/files/{file}/content")
        assert (answer.code if code else answer.body) == (code or content)
        told = [record["facts"]["answered"] for record in play.journal if record.get("name") == "model.drifted"]
        assert told == (["stranger"] if b"stranger" in content and b"500" not in content else [])

    play_batches(tmp_path, scene, shelf, config(more=more).replace("max_output: 100,", f"{said}, max_output: 100,"))
