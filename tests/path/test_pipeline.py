"""The life of a request, told stage by stage."""

import json
from pathlib import Path

import pytest
from playbook import (
    ALICE,
    BOB,
    CONFIG,
    PEPPER,
    REVOKED,
    Play,
    chat,
    chunk_event,
    completion,
    event,
    get,
    perform,
    post,
    reply,
    stream,
)

from guardhouse.audit.verify import verify
from guardhouse.identity.api_keys import KeyRecord, digest, key_of
from guardhouse.model.denial import Verdict
from guardhouse.path import pipeline, record
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.policy.load import Loaded, load


def test_an_allowed_request_is_opened_carried_and_closed(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hello")))
        assert answer.status == 200
        assert answer.json == completion("fine")
        assert answer.headers[b"x-guardhouse-decision"] == b"allowed"
        assert answer.headers[b"x-guardhouse-policy"].decode() == play.plane.snapshot.revision
        assert answer.headers[b"x-ratelimit-remaining-requests"] == b"999"
        opened, closed = play.records
        assert (opened["kind"], opened["principal"], opened["model"], opened["target"]) == (
            "opened",
            "alice",
            "small",
            "local",
        )
        assert (closed["outcome"], closed["status"], closed["finish_reason"]) == ("completed", 200, "stop")
        assert (closed["input_tokens"], closed["output_tokens"], closed["usage_source"]) == (7, 3, "reported")
        assert opened["id"] == closed["id"] == answer.headers[b"x-request-id"].decode()

    perform(tmp_path, scene)


def test_the_upstream_sees_our_head_and_not_the_callers(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        extra = b"x-user: admin\r\nx-forwarded-for: 1.2.3.4\r\ncookie: a=b\r\nconnection: x-user\r\n"
        extra += b"traceparent: 00-ab-cd-01\r\n"
        await play.say(post(chat("hello"), extra=extra))
        head = play.server.requests[0].partition(b"\r\n\r\n")[0]
        assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:9\r\n")
        assert b"authorization: Bearer upstream-credential" in head
        assert b"traceparent: 00-ab-cd-01" in head
        for absent in (ALICE, b"admin", b"1.2.3.4", b"cookie", b"gateway", b"connection"):
            assert absent not in head

    perform(tmp_path, scene)


def test_the_upstream_gets_the_judged_document_and_unknown_fields_pass(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        document = chat("h\u00e9llo", vendor={"a": [1, None, 0.1], "b": 2**70})
        await play.say(post(json.dumps(document, indent=3).encode()))
        assert play.server.document() == document

    perform(tmp_path, scene)


def test_entities_are_masked_on_the_way_out_and_on_the_way_back(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("write to ann@example.com", user="bob@example.com")))
        assert play.server.document()["messages"][0]["content"] == "write to [EMAIL]"
        assert play.server.document()["user"] == "[EMAIL]"
        assert answer.json["choices"][0]["message"]["content"] == "card [CARD]"
        assert answer.headers[b"x-guardhouse-decision"] == b"masked"
        opened, closed = play.records
        assert opened["masked"] == {"email": 2}
        assert (closed["masked_request"], closed["masked"]) == ({"email": 2}, {"card": 1})
        assert closed["controls"]["masking"] == "changed"
        assert "example.com" not in json.dumps(play.records)

    perform(tmp_path, scene, lambda _: [reply(completion("card 4111 1111 1111 1111"))])


def test_a_stream_is_masked_event_for_event_and_hides_the_usage_it_asked_for(tmp_path: Path) -> None:
    usage = event({"id": "c", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}})
    events = [chunk_event(t) for t in ("mail", " ann@exa", "mple.com", " now")]
    done = b"data: [DONE]\n\n"

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hi", stream=True)))
        assert play.server.document()["stream_options"] == {"include_usage": True}
        texts = [e["choices"][0]["delta"].get("content", "") for e in answer.events if e != b"[DONE]"]
        assert "".join(texts) == "mail [EMAIL] now"
        assert answer.events[-1] == b"[DONE]"
        assert b"usage" not in answer.body
        closed = play.records[-1]
        assert (closed["input_tokens"], closed["output_tokens"], closed["stream"]) == (5, 4, True)
        assert closed["masked"] == {"email": 1}
        assert closed["finish_reason"] == "stop"

    perform(tmp_path, scene, lambda _: stream(*events, chunk_event(None, "stop"), usage, done))


def test_what_spells_a_masked_text_out_in_pieces_goes_with_it(tmp_path: Path) -> None:
    document = completion("mail ann@example.com")
    document["choices"][0] |= {"logprobs": {"content": [{"token": "ann"}]}, "token_ids": [9908], "tokens": ["ann"]}

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hi", return_token_ids=True)))
        choice = answer.json["choices"][0]
        assert (choice["logprobs"], choice["token_ids"], choice["tokens"]) == (None, None, None)

    perform(tmp_path, scene, lambda _: [reply(document)])


def test_the_last_bytes_wait_for_the_closed_record(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        flushed: list[int] = []
        write = play.wire.write

        def observe(data: bytes | bytearray | memoryview) -> None:
            flushed.append(len(play.records))
            write(data)

        play.wire.write = observe  # type: ignore[method-assign]
        await play.say(post(chat("hello")))
        assert flushed == [2]

    perform(tmp_path, scene)


def test_nothing_is_sent_before_the_opened_record(tmp_path: Path) -> None:
    seen: list[int] = []

    async def scene(play: Play) -> None:
        def script(_: bytes) -> list[bytes]:
            seen.append(len(play.records))
            return [reply(completion("x"))]

        play.server.script = script
        await play.say(post(chat("hello")))
        assert seen == [1]

    perform(tmp_path, scene)


def test_a_journal_that_cannot_be_written_serves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(play: Play) -> None:
        def fail(*_: object) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("guardhouse.audit.segment.Disk.write", staticmethod(fail))
            answer = await play.say(post(chat("hello")))
        assert (answer.status, answer.code) == (503, "audit_unavailable")
        assert play.server.requests == []
        _, again = play.connect()
        again.data_received(post(chat("hello")))
        await play.turn()
        assert [record["kind"] for record in play.records] == ["opened", "closed"]
        assert [report.fault for report in verify(tmp_path / "journal")] == [None]

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (post(chat("x"), key=None), 401, "credential_missing"),
        (post(chat("x"), key=b"gh_nobody"), 401, "credential_invalid"),
        (post(chat("x"), key=REVOKED), 401, "credential_revoked"),
        (post(chat("x"), extra=b"api-key: " + BOB + b"\r\n"), 401, "credentials_conflict"),
        (post(chat("x"), path=b"/v1/embeddings", key=BOB), 403, "operation_denied"),
        (post(chat("x", model="secret-model")), 403, "model_denied"),
        (post(chat("x", model="no-such-model")), 403, "model_denied"),
        (post(chat("x"), path=b"/invocations"), 404, "route_unknown"),
        (post(chat("x"), path=b"/v1/chat/completions/"), 404, "route_unknown"),
        (get(b"/v1/chat/completions"), 405, "method_not_allowed"),
        (post(chat("x"), extra=b"content-encoding: gzip\r\n"), 415, "content_encoding_unsupported"),
        (post(b"{"), 400, "json_malformed"),
        (post(b'{"model":"small","model":"secret-model","messages":[]}'), 400, "json_duplicate_key"),
        (post(b"[" * 70 + b"]" * 70), 400, "json_too_deep"),
        (post(b'"\\ud800"'), 400, "json_encoding"),
        (post(b"1e999"), 400, "json_number"),
        (post(b""), 400, "body_missing"),
        (post({"model": "small"}), 400, "shape_invalid"),
        (post(chat("x", model="secret-model", vendor=1), key=BOB), 400, "field_forbidden"),
        (post({"model": "small", "input": [[1, 2, 3]]}, path=b"/v1/embeddings"), 400, "content_unreadable"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400, "header_invalid"),
        (b"\x16\x03\x01\x00", 400, "malformed_request"),
    ],
)
def test_each_class_of_bad_input_has_its_own_reason_and_one_record(
    tmp_path: Path, request_bytes: bytes, status: int, code: str
) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(request_bytes)
        assert (answer.status, answer.code) == (status, code)
        assert answer.headers[b"x-guardhouse-decision"] == b"denied"
        assert play.server.requests == []
        (closed,) = play.records
        assert (closed["kind"], closed["decision"], closed["reason"]) == ("closed", "denied", code)

    perform(tmp_path, scene)


def test_a_model_that_does_not_exist_answers_as_one_that_is_not_permitted(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answers = [await play.say(post(chat("x", model=name))) for name in ("secret-model", "no-such-model")]
        assert answers[0].body == answers[1].body

    perform(tmp_path, scene)


def test_a_key_that_is_revoked_is_refused_on_a_connection_that_it_has_used(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("x")))).status == 200
        table = play.plane.keys.table
        table.put(
            KeyRecord(
                id="aliceaaaaaaa", digest=table.read(ALICE).digest, principal="alice", created_at=0.0, revoked_at=1.0
            )
        )
        answer = await play.say(post(chat("x")))
        assert (answer.status, answer.code) == (401, "credential_revoked")
        assert (await play.say(post(chat("x", model="secret-model"), key=BOB))).status == 200

    perform(tmp_path, scene)


def test_a_rate_limit_says_when_to_come_back(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        request = post(chat("x", model="secret-model"), key=BOB)
        assert [(await play.say(request)).status for _ in range(2)] == [200, 200]
        answer = await play.say(request)
        assert answer.status == 429
        assert answer.code == "request_rate_exceeded"
        assert int(answer.headers[b"retry-after"]) >= 1
        assert answer.headers[b"x-ratelimit-remaining-requests"] == b"0"
        assert play.records[-1]["reason"] == "request_rate_exceeded"

    perform(tmp_path, scene)


def test_models_lists_only_what_the_caller_may_use(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        listed = await play.say(get(b"/v1/models"))
        assert [model["id"] for model in listed.json["data"]] == ["small", "renamed"]
        assert (await play.say(get(b"/v1/models/small"))).json["id"] == "small"
        assert (await play.say(get(b"/v1/models/secret-model"))).status == 403
        assert play.server.requests == []
        assert [record["outcome"] for record in play.records] == ["completed", "completed", "denied"]

    perform(tmp_path, scene)


def test_a_model_is_asked_for_by_the_name_its_server_knows(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x", model="renamed")))
        assert play.server.document()["model"] == "the-real-name"
        assert play.records[0]["model"] == "renamed"

    perform(tmp_path, scene)


@pytest.mark.parametrize("stages", ["HEAD_STAGES", "BODY_STAGES"])
def test_an_exception_in_any_stage_is_a_denial_that_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stages: str
) -> None:
    original: pipeline.Stages = getattr(pipeline, stages)

    def explode(exchange: Exchange, plane: DataPlane) -> Verdict:
        raise ValueError("the content of a prompt")

    async def scene(play: Play) -> None:
        for index, (name, _) in enumerate(original):
            broken = (*original[:index], (name, explode), *original[index + 1 :])
            monkeypatch.setattr(pipeline, stages, broken)
            play.wire, play.caller = play.connect()
            answer = await play.say(post(chat("x")))
            assert (answer.status, answer.code) == (500, "internal")
            assert play.records[-1]["reason"] == "internal"
            assert play.records[-1]["controls"][name] == "blocked"
        assert play.server.requests == []
        assert "content of a prompt" not in caplog.text

    perform(tmp_path, scene)


def test_the_record_names_the_stages_in_their_order() -> None:
    assert tuple(name for name, _ in (*pipeline.HEAD_STAGES, *pipeline.BODY_STAGES)) == record.STAGE_ORDER


def test_probes_answer_without_a_credential_and_without_a_record(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(get(b"/healthz", key=None))).status == 200
        assert (await play.say(get(b"/readyz", key=None))).status == 200
        assert play.records == []
        play.plane.draining = True
        assert (await play.say(get(b"/readyz", key=None))).status == 503

    perform(tmp_path, scene)


def pipelined(play: Play) -> Exchange:
    """Two requests in one piece: the first is under way, the second waits behind it since an hour ago."""
    play.caller.data_received(post(chat("first")) + post(chat("second")))
    (waiting,) = play.caller._waiting
    waiting.at -= 3600
    return waiting


def test_a_credential_that_ends_while_its_exchange_waits_behind_another_counts_no_more(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        waiting = pipelined(play)
        record = KeyRecord(
            id="aliceaaaaaaa",
            digest=digest(key_of(PEPPER), ALICE),
            principal="alice",
            groups=("research",),
            created_at=0.0,
            expires_at=waiting.at + 60,
        )
        play.plane.keys.table.put(record)
        await play.turn()
        assert play.wire.written.count(b"HTTP/1.1 200") == 1
        assert b"credential_expired" in play.wire.written
        assert len(play.server.requests) == 1

    perform(tmp_path, scene)


def test_what_waits_behind_another_is_decided_by_the_policy_of_when_its_turn_comes(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        pipelined(play)
        path = tmp_path / "later.yaml"
        path.write_text(
            CONFIG.replace("[small, renamed]", "[renamed]").replace("[secret-model]", "[secret-model, small]")
        )
        later = load(path, {"UPSTREAM": "upstream-credential"})
        assert isinstance(later, Loaded)
        play.plane.snapshot = later.snapshot
        await play.turn()
        assert b"model_denied" in play.wire.written
        first, second = (record for record in play.records if record["kind"] == "closed")
        assert first["revision"] != second["revision"] == play.plane.snapshot.revision

    perform(tmp_path, scene)


def test_what_waits_behind_another_is_admitted_by_the_clock_of_when_its_turn_comes(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        pipelined(play)
        began = play.plane.loop_time()
        play.plane.loop_time = lambda: began + 61.0
        await play.turn()
        assert play.wire.written.count(b"HTTP/1.1 200") == 2

    perform(tmp_path, scene, config=CONFIG.replace("requests: 1000/min", "requests: 1/min"))


def test_a_body_of_too_many_parts_is_refused_before_it_is_read_and_numbers_are_none(tmp_path: Path) -> None:
    many = {"model": "small", "messages": [{"role": "user", "content": "hi"}] * 400}
    numbers = {"model": "small", "input": [[number, 1, 2] for number in range(3000)]}

    async def scene(play: Play) -> None:
        answer = await play.say(post(many))
        assert (answer.status, answer.code) == (400, "body_too_divided")
        assert "At most 1000" in answer.json["error"]["message"]
        (record,) = play.records
        assert (record["reason"], record["controls"]["validation"]) == ("body_too_divided", "blocked")
        assert play.server.requests == []
        play.wire, play.caller = play.connect()
        assert (await play.say(post(numbers, path=b"/v1/embeddings"))).status == 200

    unmasked = CONFIG.replace("mask: {entities: [all], where: [request, response]}", "mask: {entities: []}")
    perform(tmp_path, scene, config=unmasked + "listen: {limits: {parts: 1000}}\n")
