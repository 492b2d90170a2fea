"""What comes back from a hostile model server: no value that is to be masked leaves, whatever it hides in."""

import base64
from pathlib import Path

import pytest
from batching import ask, config, line, order, ordering, play_batches, upload
from playbook import Answer, Play, reply

from integration.batch_server import EMAIL, Shelf

RESULT = '{"custom_id":"q","response":{"status_code":200,"body":BODY}}'


def result(body: str) -> bytes:
    return RESULT.replace("BODY", body).replace("EMAIL", EMAIL).encode()


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (result('{"choices":[{"message":{"content":"EMAIL"}}]}'), b"[EMAIL]"),
        (result('{"choices":[{"message":{"content":"bob.smith\\u0040example.com"}}]}'), b"[EMAIL]"),
        (
            result('{"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{\\"to\\":\\"EMAIL\\"}"}}]}}]}'),
            b"[EMAIL]",
        ),
        (result('"EMAIL"'), b'"body":"[EMAIL]"'),
        (result('{"EMAIL":1}'), b'"[EMAIL]":1'),
        (
            result('{"choices":[{"message":{"content":"EMAIL"},"logprobs":{"content":[{"token":"bob.smith"}]}}]}'),
            b"[EMAIL]",
        ),
        (result("1").replace(b"200", b"500").replace(b"1}", b'"%b"}' % EMAIL.encode()), b"[EMAIL]"),
        (b'{"id":"%b","custom_id":"%b","response":{"request_id":"%b"}}' % ((EMAIL.encode(),) * 3), b'"id":"[EMAIL]"'),
        (b'{"custom_id":"q","error":{"message":"%b"}}' % EMAIL.encode(), b"[EMAIL]"),
        (b'{"custom_id":"q","response":"%b"}' % EMAIL.encode(), b"[EMAIL]"),
        (b'{"a":"%b"}\r\n\r\n{"a":"x"}' % EMAIL.encode(), b'{"a":"[EMAIL]"}\n{"a":"x"}\n'),
        (b"", b""),
    ],
)
def test_results_are_masked_wherever_a_value_stands(tmp_path: Path, content: bytes, left: bytes) -> None:
    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        play.server.script = lambda _: [reply(content, content_type=b"application/octet-stream")]
        answer = await ask(play, b"GET", f"/v1/files/{file}/content")
        assert answer.status == 200
        assert left in answer.body
        assert b"bob.smith" not in answer.raw

    play_batches(tmp_path, scene, Shelf(), config("mask: {entities: [email]}"))


@pytest.mark.parametrize(
    ("more", "told", "code"),
    [
        ("mask: {entities: []}", {"audio": 2}, ""),
        ("mask: {entities: [email]}", {"audio": 1}, "response_unreadable"),
    ],
)
def test_recordings_in_results_are_on_the_record_and_refused_where_answers_are_masked(
    tmp_path: Path, more: str, told: dict[str, int], code: str
) -> None:
    sound = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40).decode()
    one = result('{"choices":[{"message":{"audio":{"id":"a","data":"SOUND"}}}]}'.replace("SOUND", sound))
    content = b"\n".join((one, result('{"choices":[{"message":{"content":"x"}}]}'), one, b""))

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        play.server.script = lambda _: [reply(content, content_type=b"application/octet-stream")]
        answer = await ask(play, b"GET", f"/v1/files/{file}/content")
        closed = play.records[-1]
        assert (closed["unseen"]["kinds"], closed.get("reason", "")) == (told, code)
        assert {entry["sniffed"] for entry in closed["unseen"]["media"]} == {"audio/wav"}
        assert (answer.body == content) == (not code)

    play_batches(tmp_path, scene, Shelf(), config(more))


SOUND = result('{"choices":[{"message":{"audio":{"id":"a","data":"UklGRg=="}}}]}') + b"\n"


@pytest.mark.parametrize(
    ("content", "places"),
    [
        (b'{"audio" oops\n' + SOUND, ["(answer)", "response.body.choices[0].message.audio"]),
        (SOUND + b'{"audio" oops\n' * 9, ["response.body.choices[0].message.audio", "(answer)"]),
        (SOUND + b"{}\n" * 50_001, ["(answer)"]),
    ],
)
def test_results_that_nobody_could_look_into_pass_and_are_on_the_record(
    tmp_path: Path, content: bytes, places: list[str]
) -> None:
    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        play.server.script = lambda _: [reply(content, content_type=b"application/octet-stream")]
        answer = await ask(play, b"GET", f"/v1/files/{file}/content")
        assert (answer.status, answer.body) == (200, content)
        assert play.records[-1]["unseen"]["places"] == places

    play_batches(tmp_path, scene, Shelf(), config())


def test_drift_is_told_of_results_behind_a_line_that_cannot_be_read(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        content = b"oops\n" + result('{"model":"stranger"}') + b"\n"
        play.server.script = lambda _: [reply(content, content_type=b"application/octet-stream")]
        answer = await ask(play, b"GET", f"/v1/files/{file}/content")
        assert (answer.status, answer.body) == (200, content)
        closed = play.records[-1]
        assert (closed["answered"], closed["unseen"]["places"]) == ("stranger", ["(answer)"])

    told = config().replace("small: {targets: [local, spare]", "small: {targets: [local, spare], pin: {drift: tell}")
    play_batches(tmp_path, scene, Shelf(), told)


@pytest.mark.parametrize(
    "more",
    [
        *('"output_file_id":"../../v1/models"', '"output_file_id":7', '"error_file_id":".."', '"output_file_id":""'),
        *(f'"output_file_id":"{"a" * 200}"', '"id":"batch_0009"', f'"x":{"[" * 3000}{"]" * 3000}', '"x":NaN'),
    ],
)
def test_a_batch_that_says_odd_things_is_refused(tmp_path: Path, more: str) -> None:
    body = f'{{"id":"batch_0001","input_file_id":"file-0001",{more}}}'.encode()

    async def scene(play: Play) -> None:
        batch = await order(play, await upload(play, line("hello")))
        play.server.script = lambda _: [reply(body)]
        assert (await ask(play, b"GET", f"/v1/batches/{batch}")).code == "response_unreadable"

    play_batches(tmp_path, scene, Shelf())


def test_parallel_orders_do_not_overrun_a_budget(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        play.server.script = lambda _: [b"HTTP/1.1 200 OK\r\n"]  # and nothing more
        before = len(play.server.requests)
        connections = [play.connect() for _ in range(60)]
        for _, caller in connections:
            caller.data_received(ordering(file))
        await play.turn(600)
        refused = [Answer(wire.written).code for wire, _ in connections if wire.written]
        assert set(refused) == {"budget_exhausted"}
        assert 0 < 60 - len(refused) == len(play.server.requests) - before < 10

    effects = "mask: {entities: []}\n    limits: {budget: 1k tokens/day}"
    play_batches(tmp_path, scene, shelf, config(effects))
