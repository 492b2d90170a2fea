"""Files that are judged in turns: who is served meanwhile, who may end it, and that it comes to the same."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from batching import BARE, ask, config, form, line, lines_of, order, play_batches, snapshot_of, upload, uploading
from playbook import ALICE, BOB, Answer, Play, chat, completion, post, reply
from test_oversight import change, closed

from integration.batch_server import EMAIL, Shelf

MANY = 1200  # lines of a kilobyte: more pieces than the turns that a test gives them at a time
FILL = "A quiet sentence. " * 56
MASKING = "mask: {entities: [email]}"
LATE = '  - {name: late, effect: restrict, who: {ids: ["*"]}, may: [chat], models: ["*"], EFFECT}\n'


def requests(number: int = MANY, **last: Any) -> list[dict[str, Any]]:
    found = [line(FILL, index) for index in range(number)]
    found[-1] = line(f"{FILL} {EMAIL}", number, **last)
    return found


def begin(play: Play, *lines: dict[str, Any]) -> None:
    play.caller.data_received(uploading(form(lines_of(*(lines or requests())))))


async def finish(play: Play) -> Answer:
    for _ in range(20):
        await play.turn()
        if play.wire.written:
            return Answer(play.wire.written)
    raise AssertionError("there is no answer")


async def ask_beside(play: Play) -> Answer:
    """Something small by somebody else."""
    wire, caller = play.connect()
    caller.data_received(post(chat("hello"), key=BOB))
    await play.turn(12)
    return Answer(wire.written)


def is_empty(play: Play) -> bool:
    return play.plane.memory.held == 0 and play.plane.answers.held == 0


def test_others_are_served_while_a_file_is_judged(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        begin(play)
        usual, play.server.script = play.server.script, lambda _: [reply(completion("fine"))]
        for _ in range(4):
            assert (await ask_beside(play)).status == 200
            assert play.wire.written == b""
        play.server.script = usual
        assert (await finish(play)).status == 200
        assert play.records[-1]["operation"] == "files"
        assert len(shelf.files["file-0001"].splitlines()) == MANY

    play_batches(tmp_path, scene, shelf)


def test_files_of_a_worker_take_turns_with_each_other(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        begin(play)
        wire, caller = play.connect()
        caller.data_received(uploading(form(lines_of(*[line(FILL, index) for index in range(40)])), BOB))
        await play.turn(60)
        assert Answer(wire.written).status == 200
        assert play.wire.written == b""
        assert (await finish(play)).status == 200

    play_batches(tmp_path, scene, Shelf())


def test_a_file_comes_to_the_same_as_its_lines_would(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        lines = [line(f"{FILL} {EMAIL}", index, user="x' or 1=1 --") for index in range(200)]
        begin(play, *lines)
        assert (await finish(play)).status == 200
        opened, ended = play.records
        assert opened["masked"] == ended["masked_request"] == {"email": 200}
        assert ended["injections"] == {"sql": 200}
        assert ended["controls"]["masking"] == "changed"
        assert set(ended["controls"].values()) == {"passed", "changed"}
        assert len(opened["message_hashes"]) + opened["further_texts"] == 400
        sent = [json.loads(one) for one in shelf.files["file-0001"].splitlines()]
        for one in lines:
            one["body"]["messages"][0]["content"] = one["body"]["messages"][0]["content"].replace(EMAIL, "[EMAIL]")
        assert sent == lines
        assert opened["bytes_in"] == len(shelf.asked[0].body)
        assert is_empty(play)

    play_batches(tmp_path, scene, shelf, config(f"{MASKING}\n    injection: flag"))


TOOL = {"type": "function", "function": {"name": "f"}}
AUDIO: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}
]


@pytest.mark.parametrize(
    ("effects", "fields", "refused", "blocked"),
    [
        (BARE, {"temperature": 7}, "shape_invalid lines[39].body.temperature", "validation"),
        (BARE, {"model": "other"}, "shape_invalid lines[39].body.model", "validation"),
        ("unknown_fields: refuse", {"strange": 1}, "field_forbidden lines[39].body.strange", "authorization"),
        (BARE, {"document_url": "http://10.0.0.1/"}, "url_refused document[39].*", "contracts"),
        ("injection: block", {"user": "x' or 1=1 --"}, "injection_found document[39].user", "contracts"),
        (MASKING, {"messages": AUDIO}, "content_unreadable lines[39].body.messages[0].content[0]", "masking"),
    ],
)
def test_a_line_far_into_the_file_is_refused_with_its_place_and_stage(
    tmp_path: Path, effects: str, fields: dict[str, Any], refused: str, blocked: str
) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        begin(play, *requests(40, **fields))
        answer = await finish(play)
        assert f"{answer.code} {answer.json['error']['param']}" == refused
        (ended,) = play.records
        assert ended["controls"].pop(blocked) == "blocked"
        assert set(ended["controls"].values()) <= {"passed", "skipped"}
        assert shelf.asked == []
        assert is_empty(play)

    wide = config(effects).replace(
        "max_output: 100, preamble", "content: {media: [audio/*]}, max_output: 100, preamble"
    )
    play_batches(tmp_path, scene, shelf, wide)


NOTED = """models:
  small:
    targets: [local, spare]
    content: {media: [audio/*], mcp_servers: [connector_mail], stored: [files]}
"""


def test_what_is_noted_of_a_line_far_into_the_file_is_on_record(tmp_path: Path) -> None:
    tool = {"type": "mcp", "server_label": "files", "connector_id": "connector_mail"}
    content = [*AUDIO[0]["content"], {"type": "file", "file": {"file_id": "file-abc123"}}]
    far = {"tools": [tool], "messages": [{"role": "user", "content": content}], "user": "x' or 1=1 --"}

    async def scene(play: Play) -> None:
        begin(play, *requests(40, **far))
        assert (await finish(play)).status == 200
        opened, ended = play.records
        assert [one["host"] for one in opened["servers"]] == ["connector_mail"]
        assert [one["kind"] for one in opened["stored"]] == ["files"]
        places = [f"lines[39].body.messages[0].content[{part}]" for part in range(2)]
        assert opened["unevaluated"] == places
        assert [one["place"] for one in opened["media"]] == places
        assert sum(ended["media"].values()) == 2
        assert ended["injections"] == {"sql": 1}

    named = config("injection: flag\n    mask: {entities: []}")
    start, end = named.index("models:\n"), named.index("  other:")
    play_batches(tmp_path, scene, Shelf(), named[:start] + NOTED + named[end:])


def test_a_file_is_judged_under_the_policy_that_it_began_with(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        before = play.plane.snapshot.revision
        begin(play)
        await play.turn(20)
        play.plane.snapshot = snapshot_of(config(more=LATE.replace("EFFECT", MASKING)))
        assert (await finish(play)).status == 200
        assert {record["revision"] for record in play.records} == {before}
        assert EMAIL.encode() in shelf.files["file-0001"]

    play_batches(tmp_path, scene, shelf)


@pytest.mark.parametrize("turns", [3, 40, 120])
def test_a_caller_who_leaves_ends_it(tmp_path: Path, turns: int) -> None:
    async def scene(play: Play) -> None:
        begin(play)
        await play.turn(turns)
        assert play.plane.memory.of("alice") > MANY * len(FILL)
        play.caller.connection_lost(None)
        await play.turn(3)
        assert is_empty(play)
        (ended,) = play.records
        assert (ended["outcome"], ended["reason"], ended["decision"]) == ("cancelled", "client_left", "denied")
        assert not play.plane.lane.locked()
        assert play.server.requests == []
        await play.turn()
        assert len(play.records) == 1

    play_batches(tmp_path, scene, Shelf())


@pytest.mark.parametrize("turns", [3, 120])
def test_who_loses_the_right_to_it_meanwhile_is_refused(tmp_path: Path, turns: int) -> None:
    async def scene(play: Play) -> None:
        begin(play)
        await play.turn(turns)
        change(play, revoked_at=1.0)
        play.caller.oversee()
        await play.turn(3)
        assert Answer(play.wire.written).code == "credential_revoked"
        assert closed(play)["reason"] == "credential_revoked"
        assert play.server.requests == []

    play_batches(tmp_path, scene, Shelf())


def test_who_it_is_from_is_asked_again_at_the_end(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        begin(play)
        await play.turn(20)
        change(play, revoked_at=1.0)  # and nobody oversees it
        assert (await finish(play)).code == "credential_revoked"
        assert play.server.requests == []

    play_batches(tmp_path, scene, Shelf())


def test_without_room_for_it_a_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        other = play.plane.memory.charge("bob", 5 * 2**19)
        assert other is not None
        begin(play)
        assert (await finish(play)).code == "memory_exhausted"
        other.give_back()
        assert is_empty(play)

    play_batches(tmp_path, scene, Shelf(), config() + "listen: {limits: {body: 1536KiB, memory: 6MiB}}\n")


@pytest.mark.parametrize(("turns", "stage"), [(3, "validation"), (120, "contracts")])
def test_what_breaks_in_a_piece_fails_closed(tmp_path: Path, turns: int, stage: str) -> None:
    async def scene(play: Play) -> None:
        begin(play)
        await play.turn(turns)
        exchange: Any = play.caller._current
        exchange.route.unread = exchange.grant = None  # what one half, and the other, cannot do without
        assert (await finish(play)).code == "internal"
        (ended,) = play.records
        assert ended["controls"][stage] == "blocked"
        assert play.server.requests == []
        assert is_empty(play)

    play_batches(tmp_path, scene, Shelf())


def test_what_a_file_takes_is_about_what_it_is_and_not_what_its_documents_are(tmp_path: Path) -> None:
    turn = {"role": "user", "content": ""}
    lines = [line("", index, messages=[turn] * 30) for index in range(1000)]
    data = uploading(form(lines_of(*lines)))
    of_documents = 1000 * 30 * 200  # and more: an object of two members alone takes as much

    async def scene(play: Play) -> None:
        play.server.script = lambda _: [reply({"id": "file-1", "object": "file"})]
        tracemalloc.start()
        try:
            play.caller.data_received(data)
            await play.turn(100)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert play.server.requests == []
        assert most < 2.5 * len(data) < of_documents
        play.caller.connection_lost(None)

    play_batches(tmp_path, scene, Shelf())


@pytest.mark.parametrize(
    ("effect", "fields", "reason"),
    [("injection: block", {"user": "x' or 1=1 --"}, "injection_found"), ("flag: [late]", {}, "")],
)
def test_a_policy_on_trial_is_asked_of_all_pieces(
    tmp_path: Path, effect: str, fields: dict[str, Any], reason: str
) -> None:
    async def scene(play: Play) -> None:
        play.plane.shadow = snapshot_of(config(more=LATE.replace("EFFECT", effect)))
        begin(play, *requests(60, **fields))
        assert (await finish(play)).status == 200
        told = closed(play)["shadow"]
        assert (told["would"], told.get("reason", "")) == (("deny" if reason else "change"), reason)

    play_batches(tmp_path, scene, Shelf())


def result(number: int, text: str) -> bytes:
    answer = {"custom_id": f"q{number}", "response": {"status_code": 200, "body": completion(text)}}
    return json.dumps(answer).encode() + b"\n"


RESULTS = b"".join([result(number, f"{FILL} {EMAIL}") for number in range(600)])


async def read_back(play: Play, content: bytes) -> None:
    """Up to where a part of it has been judged."""
    batch = await order(play, await upload(play, line("hello")))
    told = await ask(play, b"GET", f"/v1/batches/{batch}")
    usual = play.server.script
    play.server.script = lambda _: [reply(content, content_type=b"application/octet-stream")]
    play.wire, play.caller = play.connect()
    play.caller.data_received(
        b"GET /v1/files/%b/content HTTP/1.1\r\nhost: gateway\r\nx-api-key: %b\r\n\r\n"
        % (told.json["output_file_id"].encode(), ALICE)
    )
    await play.turn(12)
    play.server.script = usual


def test_others_are_served_while_results_are_judged(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await read_back(play, RESULTS)
        play.server.script = lambda _: [reply(completion("fine"))]
        assert (await ask_beside(play)).status == 200
        assert play.wire.written == b""
        answer = await finish(play)
        assert answer.status == 200
        masked = [json.loads(one) for one in RESULTS.replace(EMAIL.encode(), b"[EMAIL]").splitlines()]
        assert [json.loads(one) for one in answer.body.splitlines()] == masked
        assert closed(play)["masked"] == {"email": 600}
        assert is_empty(play)

    play_batches(tmp_path, scene, Shelf(), config(MASKING))


def test_who_leaves_while_results_are_judged_gets_nothing_of_them(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await read_back(play, RESULTS)
        play.caller.connection_lost(None)
        await play.turn()
        assert play.wire.written == b""
        assert closed(play)["outcome"] == "cancelled"
        assert not play.plane.lane.locked()
        assert is_empty(play)

    play_batches(tmp_path, scene, Shelf(), config(MASKING))


def test_results_of_which_the_last_line_cannot_be_read_are_not_handed_out_in_part(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await read_back(play, RESULTS + b"{")
        answer = await finish(play)
        assert answer.code == "response_unreadable"
        assert FILL.encode() not in answer.raw

    play_batches(tmp_path, scene, Shelf(), config(MASKING))


def test_results_that_nobody_wants_to_know_of_pass_as_they_are(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await read_back(play, RESULTS + b"{")
        assert (await finish(play)).body == RESULTS + b"{"

    play_batches(tmp_path, scene, Shelf())
