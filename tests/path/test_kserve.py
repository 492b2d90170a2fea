"""KServe v2 through the whole path: what is decided, masked, sent on and answered."""

import asyncio
import json
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from playbook import ALICE, Play, get, perform, post, reply

CONFIG = """
version: 1
targets:
  tensors: {kind: kserve, url: "http://127.0.0.1:9", credential: "${env:UPSTREAM}"}
  words: {kind: openai, url: "http://127.0.0.2:9"}
models:
  iris: {targets: [tensors], name: inner-iris}
  pinned: {targets: [tensors], versions: ["2", "1"]}
  held: {targets: [tensors], contract: shapes}
  hidden: {targets: [tensors]}
  chatty: {targets: [words]}
contracts:
  shapes:
    version: "1.0"
    inputs: {t: {datatype: FP32, shape: [-1], max: 5}}
    outputs: {y: {datatype: BYTES, shape: [1]}}
policies:
  - name: research
    who: {groups: [research]}
    may: [predict, models.read, chat]
    models: [iris, pinned, chatty, held]
    mask: {entities: [all], where: [request, response]}
  - name: others
    who: {ids: [bob]}
    may: [predict]
    models: [hidden]
    limits: {requests: 1/min}
    mask: {entities: []}
    unknown_fields: refuse
"""
INFER = b"/v2/models/iris/infer"
MAIL = "alice@example.org"
SIZE = b"inference-header-content-length"


def texts(*elements: str) -> dict[str, Any]:
    return {"inputs": [{"name": "t", "shape": [len(elements)], "datatype": "BYTES", "data": list(elements)}]}


def answer(*elements: str) -> dict[str, Any]:
    outputs = [{"name": "y", "shape": [len(elements)], "datatype": "BYTES", "data": list(elements)}]
    return {"model_name": "inner-iris", "model_version": "1", "id": "7", "outputs": outputs}


def packed(*elements: bytes) -> bytes:
    return b"".join(pack("<I", len(element)) + element for element in elements)


def raw_body(side: str, *elements: bytes, **more: Any) -> tuple[bytes, bytes]:
    raw = packed(*elements)
    parameters = {"binary_data_size": len(raw)}
    tensor = {"name": "t", "shape": [len(elements)], "datatype": "BYTES", "parameters": parameters}
    head = json.dumps({side: [tensor], **more}).encode()
    return b"%b: %d\r\n" % (SIZE, len(head)), head + raw


def test_a_request_goes_on_under_the_configured_name_with_its_texts_masked(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        said = await play.say(post(texts(f"mail {MAIL}", "fine"), INFER))
        assert said.status == 200
        assert said.json["outputs"][0]["data"] == ["[EMAIL_ADDRESS]"] or MAIL not in said.body.decode()
        sent = play.server.requests[0]
        assert sent.startswith(b"POST /v2/models/inner-iris/infer HTTP/1.1\r\n")
        assert MAIL.encode() not in sent
        assert b"content-type: application/json\r\n" in sent
        assert b"authorization: Bearer upstream-credential" in sent
        assert ALICE not in sent
        opened, closed = play.records
        assert (opened["operation"], opened["model"], opened["target"]) == ("predict", "iris", "tensors")
        assert closed["masked_request"] == {"email": 1}
        assert closed["masked"] == {"email": 1}

    perform(tmp_path, scene, lambda _: [reply(answer(MAIL))], CONFIG)


def test_raw_tensors_are_masked_on_both_ways_and_their_lengths_follow(tmp_path: Path) -> None:
    line, back = raw_body("outputs", b"to " + MAIL.encode(), b"x")

    async def scene(play: Play) -> None:
        header, sent = raw_body("inputs", MAIL.encode(), b"b")
        said = await play.say(post(sent, INFER, extra=header))
        assert said.status == 200
        head, _, body = play.server.requests[0].partition(b"\r\n\r\n")
        assert b"content-type: application/octet-stream" in head
        length = int(head.split(SIZE + b": ")[1].split(b"\r\n")[0])
        document = json.loads(body[:length])
        assert document["inputs"][0]["parameters"]["binary_data_size"] == len(body) - length
        assert MAIL.encode() not in body
        assert body.endswith(packed(b"b"))
        length = int(said.headers[SIZE])
        assert json.loads(said.body[:length])["outputs"][0]["parameters"]["binary_data_size"] == len(said.body) - length
        assert MAIL.encode() not in said.body
        assert said.headers[b"content-type"] == b"application/octet-stream"

    perform(tmp_path, scene, lambda _: [reply(back, content_type=b"application/octet-stream", extra=line)], CONFIG)


def test_an_answer_that_needs_no_change_is_the_servers_own_bytes(tmp_path: Path) -> None:
    line, back = raw_body("outputs", b"nothing here")

    async def scene(play: Play) -> None:
        said = await play.say(post(texts("a"), INFER))
        assert said.body == back
        assert said.headers[SIZE] == line.split(b": ")[1].strip()

    perform(tmp_path, scene, lambda _: [reply(back, content_type=b"application/octet-stream", extra=line)], CONFIG)


@pytest.mark.parametrize(
    ("body", "kind", "extra"),
    [
        (packed(b"x"), b"application/octet-stream", b""),
        (b'{"outputs": []}x', b"application/octet-stream", SIZE + b": 15\r\n"),
        (b'{"outputs": []}', b"application/octet-stream", SIZE + b": 99\r\n"),
        (b'{"outputs": []}', b"application/octet-stream", SIZE + b": x\r\n"),
        (b'{"outputs": [', b"application/json", b""),
        (raw_body("outputs", b"\xff\xd8")[1], b"application/octet-stream", raw_body("outputs", b"\xff\xd8")[0]),
        (
            json.dumps(answer("e") | {"parameters": {"content_type": "secret"}}).encode(),
            b"application/json",
            b"",
        ),
        (b"\x00\x01", b"application/grpc", b""),
    ],
)
def test_an_answer_that_cannot_be_read_is_refused_where_answers_are_masked(
    tmp_path: Path, body: bytes, kind: bytes, extra: bytes
) -> None:
    async def scene(play: Play) -> None:
        said = await play.say(post(texts("a"), INFER))
        assert said.status == 502
        assert said.json["code"] == "response_unreadable"

    perform(tmp_path, scene, lambda _: [reply(body, content_type=kind, extra=extra)], CONFIG)


def test_an_error_of_the_server_is_masked_like_an_answer(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        said = await play.say(post(texts("a"), INFER))
        assert said.status == 400
        assert MAIL not in said.json["error"]

    perform(tmp_path, scene, lambda _: [reply({"error": f"no {MAIL}"}, b"400 Bad Request")], CONFIG)


def test_what_is_no_text_is_refused_where_requests_are_masked(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        header, sent = raw_body("inputs", b"\xff\xd8\xff")
        said = await play.say(post(sent, INFER, extra=header))
        assert (said.status, said.json["code"]) == (400, "content_unreadable")
        assert said.json["param"] == "inputs[0].data"
        assert not play.server.requests

    perform(tmp_path, scene, lambda _: [reply(answer("x"))], CONFIG)


@pytest.mark.parametrize(
    "path", [b"/v2/models/hidden/infer", b"/v2/models/nothing/infer", b"/v2/models/inner-iris/infer"]
)
def test_a_model_that_is_not_permitted_looks_like_one_that_does_not_exist(tmp_path: Path, path: bytes) -> None:
    async def scene(play: Play) -> None:
        said = await play.say(post(texts("a"), path))
        assert (said.status, said.json["code"]) == (403, "model_denied")
        assert said.json["error"].startswith("The model does not exist or no policy allows")

    perform(tmp_path, scene, None, CONFIG)


def test_a_model_that_is_served_in_another_dialect_is_not_served_here(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        said = await play.say(post(texts("a"), b"/v2/models/chatty/infer"))
        assert said.json["code"] == "dialect_unsupported"
        assert (await play.say(get(b"/v2/models/chatty"))).json["code"] == "model_denied"

    perform(tmp_path, scene, None, CONFIG)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (b"/v2/models/pinned/infer", b"/v2/models/pinned/versions/2/infer"),
        (b"/v2/models/pinned/versions/1/infer", b"/v2/models/pinned/versions/1/infer"),
        (b"/v2/models/pinned/versions/3/infer", None),
        (b"/v2/models/iris/versions/1/infer", None),
    ],
)
def test_a_version_goes_upstream_only_if_the_configuration_names_it(
    tmp_path: Path, path: bytes, sent: bytes | None
) -> None:
    async def scene(play: Play) -> None:
        said = await play.say(post(texts("a"), path))
        if sent is None:
            assert said.json["code"] == "model_denied"
            assert not play.server.requests
        else:
            assert play.server.requests[0].startswith(b"POST " + sent + b" ")

    perform(tmp_path, scene, lambda _: [reply(answer("x"))], CONFIG)


def test_limits_and_closed_policies_hold_here_as_elsewhere(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        bob = b"gh_bobbbbbbbbbb_" + b"B" * 43
        path = b"/v2/models/hidden/infer"
        odd = texts("a") | {"parameters": {"odd": 1}}
        assert (await play.say(post(odd, path, bob))).json["code"] == "field_forbidden"
        assert (await play.say(post(texts("a"), path, bob))).status == 200
        limited = await play.say(post(texts("a"), path, bob))
        assert (limited.status, limited.json["code"]) == (429, "request_rate_exceeded")
        assert (await play.say(get(b"/v2/models/hidden", bob))).json["code"] == "operation_denied"
        assert (await play.say(post(texts("a"), path, None))).status == 401

    perform(tmp_path, scene, lambda _: [reply(answer("x"))], CONFIG)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        (b"/v2", {"name": "guardhouse", "version": "2", "extensions": ["binary_tensor_data"]}),
        (b"/v2/health/live", {"live": True}),
        (b"/v2/health/ready", {"ready": True}),
        (b"/v2/models/iris/ready", {"name": "iris", "ready": True}),
        (b"/v2/models/pinned/versions/1/ready", {"name": "pinned", "ready": True}),
        (
            b"/v2/models/pinned",
            {"name": "pinned", "versions": ["2", "1"], "platform": "", "inputs": [], "outputs": []},
        ),
        (b"/v2/models/hidden", None),
        (b"/v2/models/hidden/ready", None),
        (b"/v2/models/nothing/ready", None),
        (b"/v2/models/pinned/versions/9", None),
        (b"/v2/models/iris/versions/1/ready", None),
    ],
)
def test_metadata_is_answered_here_for_what_the_caller_may_see(tmp_path: Path, path: bytes, document: Any) -> None:
    async def scene(play: Play) -> None:
        said = await play.say(get(path))
        assert not play.server.requests
        if document is None:
            assert (said.status, said.json["code"]) == (403, "model_denied")
        else:
            assert (said.status, said.json) == (200, document)
        assert play.records[-1]["operation"] == "models.read"
        assert (await play.say(get(path, None))).status == 401

    perform(tmp_path, scene, None, CONFIG)


def test_two_lengths_of_the_header_are_refused_with_the_connection(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        header, sent = raw_body("inputs", b"a")
        said = await play.say(post(sent, INFER, extra=header + header))
        assert said.code == "header_invalid"
        assert play.wire.eof

    perform(tmp_path, scene, None, CONFIG)


def test_a_caller_who_leaves_ends_the_request_upstream(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.caller.data_received(post(texts("a"), INFER))
        await play.turn()
        play.caller.connection_lost(None)
        await play.turn()
        assert play.server.wires[0].closed
        assert play.records[-1]["reason"] == "client_left"

    perform(tmp_path, scene, lambda _: [b"HTTP/1.1 200 OK\r\n"], CONFIG)


def test_a_server_that_cannot_be_reached_is_a_502(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses.add("tensors")
        said = await play.say(post(texts("a"), INFER))
        for _ in range(40):
            if said.status:
                break
            await asyncio.sleep(0.05)
            said = await play.say(b"")
        assert (said.status, said.json["code"]) == (502, "upstream_unreachable")

    perform(tmp_path, scene, None, CONFIG)


def floats(*values: float) -> dict[str, Any]:
    return {"inputs": [{"name": "t", "shape": [len(values)], "datatype": "FP32", "data": list(values)}]}


def test_requests_and_answers_are_held_to_the_tensors_of_the_contract(tmp_path: Path) -> None:
    path = b"/v2/models/held/infer"

    async def scene(play: Play) -> None:
        said = await play.say(post(floats(1.0, 6.0), path))
        assert said.json["code"] == "contract_violated"
        assert "shapes 1.0, inputs[0].data must be at most 5" in said.json["error"]
        assert (await play.say(post(texts("a"), path))).json["code"] == "contract_violated"
        assert not play.server.requests
        assert (await play.say(post(floats(1.0), path))).status == 200
        said = await play.say(post(floats(2.0), path))
        assert (said.status, said.json["code"]) == (502, "answer_off_contract")
        told = (await play.say(get(b"/v2/models/held"))).json
        assert told["inputs"] == [{"name": "t", "datatype": "FP32", "shape": [-1]}]

    answers = [answer("one"), answer("one", "two")]
    perform(tmp_path, scene, lambda _: [reply(answers.pop(0))], CONFIG)


CHUNKED = post(b"", INFER).replace(b"content-length: 0", b"transfer-encoding: chunked")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (get(b"/v2/repository/index"), "route_unknown"),
        (get(b"/v2/models/iris/infer"), "method_not_allowed"),
        (get(b"/v2/health/live", None), "credential_missing"),
        (CHUNKED + b"1001\r\n" + b"a" * 4097 + b"\r\n", "body_too_large"),
        (CHUNKED + b"zz\r\n", "framing_invalid"),
    ],
)
def test_whatever_is_refused_here_is_refused_in_this_shape(tmp_path: Path, asked: bytes, code: str) -> None:
    async def scene(play: Play) -> None:
        document = (await play.say(asked)).json
        assert isinstance(document["error"], str)
        assert document["code"] == code
        (closed,) = play.records
        assert closed["reason"] == code

    perform(tmp_path, scene, config=CONFIG + "listen: {limits: {body: 4KiB}}")
