"""The port for gRPC: the same stages, the same records, and statuses in gRPC's own words."""

import asyncio
from pathlib import Path
from struct import pack
from typing import Any

import grpc
import pytest
import trustme
from grpc_playing import CONFIG, GrpcPlay, answer_of, floats, perform, reason, texts, until
from playbook import ALICE, BOB, REVOKED
from tritonclient.grpc import service_pb2

MAIL = "alice@example.org"
CODE = grpc.StatusCode


def test_a_call_goes_on_under_the_configured_name_masked_on_both_ways(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        answer = await play.infer(texts(f"to {MAIL}", "b"), metadata=(("traceparent", "00-a"), ("cookie", "c")))
        assert MAIL.encode() not in answer.SerializeToString()
        (sent,) = play.upstream.requests
        assert sent.model_name == "inner-iris"
        assert MAIL.encode() not in sent.SerializeToString()
        assert sent.inputs[0].contents.bytes_contents[1] == b"b"
        (metadata,) = play.upstream.metadata
        assert metadata["authorization"] == "Bearer upstream-credential"
        assert metadata["traceparent"] == "00-a"
        assert "cookie" not in metadata
        assert metadata["x-request-id"] == play.records[0]["id"]
        opened, closed = play.records
        assert (opened["operation"], opened["model"], opened["target"]) == ("predict", "iris", "tensors")
        assert (closed["masked_request"], closed["masked"]) == ({"email": 1}, {"email": 1})
        assert closed["client"] == "127.0.0.1"
        assert closed["outcome"] == "completed"

    async def answer(message: Any, context: Any) -> bytes:
        return answer_of(MAIL)

    perform(tmp_path, scene, answer)


def test_raw_contents_are_masked_too(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        message = texts()
        message.inputs[0].shape[:] = [1]
        message.raw_input_contents.append(pack("<I", len(MAIL)) + MAIL.encode())
        await play.infer(message)
        (sent,) = play.upstream.requests
        raw = sent.raw_input_contents[0]
        assert MAIL.encode() not in raw
        assert len(raw) == 4 + int.from_bytes(raw[:4], "little")

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("message", "key", "code", "code_word"),
    [
        (texts("a"), None, CODE.UNAUTHENTICATED, "credential_missing"),
        (texts("a"), ALICE[:-1] + b"x", CODE.UNAUTHENTICATED, "credential_invalid"),
        (texts("a"), REVOKED, CODE.UNAUTHENTICATED, "credential_revoked"),
        (texts("a", model="hidden"), ALICE, CODE.PERMISSION_DENIED, "model_denied"),
        (texts("a", model="nothing"), ALICE, CODE.PERMISSION_DENIED, "model_denied"),
        (texts("a", model="pinned", version="3"), ALICE, CODE.PERMISSION_DENIED, "model_denied"),
        (texts("a", model="elsewhere"), ALICE, CODE.INVALID_ARGUMENT, "dialect_unsupported"),
        (texts("a", model=""), ALICE, CODE.INVALID_ARGUMENT, "shape_invalid"),
        (floats(6.0, model="held"), ALICE, CODE.INVALID_ARGUMENT, "contract_violated"),
        (b"\xff\xff", ALICE, CODE.INVALID_ARGUMENT, "shape_invalid"),
        (b"", ALICE, CODE.INVALID_ARGUMENT, "shape_invalid"),
    ],
)
def test_a_refusal_has_its_status_its_reason_and_its_record(
    tmp_path: Path, message: Any, key: bytes | None, code: Any, code_word: str
) -> None:
    async def scene(play: GrpcPlay) -> None:
        error = await play.refused(message, key)
        assert reason(error) == (code, code_word)
        (closed,) = play.records
        assert (closed["reason"], closed["decision"]) == (code_word, "denied")
        told = dict(error.trailing_metadata())
        assert told["x-request-id"] == closed["id"]
        assert told["x-guardhouse-decision"] == "denied"
        assert not play.upstream.requests

    perform(tmp_path, scene)


def test_limits_are_resource_exhausted_with_the_time_to_come_back(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        await play.infer(texts("a", model="hidden"), BOB)
        error = await play.refused(texts("a", model="hidden"), BOB)
        assert reason(error) == (CODE.RESOURCE_EXHAUSTED, "request_rate_exceeded")
        assert int(dict(error.trailing_metadata())["retry-after"]) > 0

    perform(tmp_path, scene)


def test_the_pinned_version_goes_upstream(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        await play.infer(texts("a", model="pinned"))
        await play.infer(texts("a", model="pinned", version="1"))
        assert [sent.model_version for sent in play.upstream.requests] == ["2", "1"]

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("method", "message", "expected"),
    [
        ("ServerLive", b"", b"\x08\x01"),
        ("ServerReady", b"", b"\x08\x01"),
        ("ModelReady", service_pb2.ModelReadyRequest(name="iris"), b"\x08\x01"),
        ("ModelReady", service_pb2.ModelReadyRequest(name="pinned", version="1"), b"\x08\x01"),
        (
            "ModelMetadata",
            service_pb2.ModelMetadataRequest(name="held"),
            service_pb2.ModelMetadataResponse(
                name="held",
                inputs=[service_pb2.ModelMetadataResponse.TensorMetadata(name="t", datatype="FP32", shape=[-1])],
            ).SerializeToString(),
        ),
        ("ModelReady", service_pb2.ModelReadyRequest(name="hidden"), None),
        ("ModelReady", service_pb2.ModelReadyRequest(name="elsewhere"), None),
        ("ModelReady", service_pb2.ModelReadyRequest(name="iris", version="1"), None),
        ("ModelMetadata", service_pb2.ModelMetadataRequest(name="nothing"), None),
    ],
)
def test_questions_are_answered_here_for_what_the_caller_may_see(
    tmp_path: Path, method: str, message: Any, expected: bytes | None
) -> None:
    async def scene(play: GrpcPlay) -> None:
        if expected is None:
            error = await play.refused(message, method=method)
            assert reason(error) == (CODE.PERMISSION_DENIED, "model_denied")
        else:
            assert await play.call(method, message) == expected
        assert play.records[-1]["operation"] == "models.read"
        assert not play.upstream.requests
        assert (await play.refused(message, None, method)).code() is CODE.UNAUTHENTICATED

    perform(tmp_path, scene)


@pytest.mark.parametrize("method", ["ModelStreamInfer", "RepositoryModelLoad", "ServerReflectionInfo"])
def test_other_methods_are_unimplemented_and_recorded(tmp_path: Path, method: str) -> None:
    async def scene(play: GrpcPlay) -> None:
        assert reason(await play.refused(texts("a"), method=method)) == (CODE.UNIMPLEMENTED, "route_unknown")
        assert play.records[-1]["reason"] == "route_unknown"

    perform(tmp_path, scene)


def test_a_credential_twice_and_its_imitation_are_refused(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        again = (("authorization", f"Bearer {ALICE.decode()}"),)
        assert reason(await play.refused(texts("a"), metadata=again))[1] == "header_invalid"
        other = (("x-api-key", BOB.decode()),)
        assert reason(await play.refused(texts("a"), metadata=other))[1] == "credentials_conflict"
        assert (await play.infer(texts("a"), None, metadata=(("x-api-key", ALICE.decode()),))).model_name

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (CODE.INVALID_ARGUMENT, 400),
        (CODE.NOT_FOUND, 404),
        (CODE.INTERNAL, 500),
        (CODE.UNAVAILABLE, 503),
        (CODE.RESOURCE_EXHAUSTED, 429),
        (CODE.UNIMPLEMENTED, 501),
    ],
)
def test_the_status_of_the_server_reaches_the_caller_and_the_record_and_its_text_is_masked(
    tmp_path: Path, code: Any, status: int
) -> None:
    async def scene(play: GrpcPlay) -> None:
        error = await play.refused(texts("a"))
        assert error.code() is code
        assert MAIL not in error.details()
        assert error.details().startswith("no ")
        assert play.records[-1]["status"] == status

    async def answer(message: Any, context: Any) -> bytes:
        await context.abort(code, f"no {MAIL}", (("x", "y"),))
        return b""

    perform(tmp_path, scene, answer)


@pytest.mark.parametrize("answered", [b"\xff\xff", b"\x4a\x01a"])
def test_an_answer_that_cannot_be_read_is_refused(tmp_path: Path, answered: bytes) -> None:
    async def scene(play: GrpcPlay) -> None:
        assert reason(await play.refused(texts("a"))) == (CODE.INTERNAL, "response_unreadable")

    async def answer(message: Any, context: Any) -> bytes:
        return answered

    perform(tmp_path, scene, answer)


def test_an_answer_without_a_message_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(play: GrpcPlay) -> None:
        async def handle(message: bytes, context: Any) -> None:
            """Ends well, and has said nothing."""

        monkeypatch.setattr(play.upstream, "service", lambda _: grpc.unary_stream_rpc_method_handler(handle))
        error = await play.refused(texts("a"))
        assert reason(error) == (CODE.INTERNAL, "response_unreadable")
        assert play.records[-1]["outcome"] == "failed"

    perform(tmp_path, scene)


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        error = await play.refused(texts("a"))
        assert reason(error) == (CODE.DEADLINE_EXCEEDED, "upstream_first_byte_timeout")

    async def answer(message: Any, context: Any) -> bytes:
        await asyncio.sleep(30)
        return b""

    perform(tmp_path, scene, answer)


def test_a_caller_that_cancels_ends_the_call_upstream_and_is_recorded(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        calling = asyncio.ensure_future(play.infer(texts("a")))
        await until(lambda: bool(play.upstream.requests))
        calling.cancel()
        await until(lambda: bool(play.upstream.cancelled))
        await until(lambda: len(play.records) == 2)
        assert (play.records[-1]["reason"], play.records[-1]["outcome"]) == ("client_left", "cancelled")
        assert not play.plane.connections_by_address.get("127.0.0.1")

    async def answer(message: Any, context: Any) -> bytes:
        await asyncio.sleep(30)
        return b""

    perform(tmp_path, scene, answer)


def test_a_deadline_of_the_caller_is_over_for_the_server_as_well(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        key = (("authorization", f"Bearer {ALICE.decode()}"),)
        call = play.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(texts("a").SerializeToString(), metadata=key, timeout=0.3)
        assert raised.value.code() is CODE.DEADLINE_EXCEEDED
        await until(lambda: bool(play.upstream.cancelled))

    async def answer(message: Any, context: Any) -> bytes:
        await asyncio.sleep(30)
        return b""

    perform(tmp_path, scene, answer)


def test_compressed_messages_are_refused(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        error = await play.refused(texts("a" * 5000), compression=grpc.Compression.Gzip)
        assert error.code() is CODE.UNIMPLEMENTED
        assert not play.upstream.requests

    perform(tmp_path, scene)


def test_connections_to_the_server_are_used_again(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        for _ in range(5):
            await play.infer(texts("a"))
        assert "1 open, 1 idle" in repr(play.plane.upstreams)
        await asyncio.gather(*[play.infer(texts("a")) for _ in range(8)])
        assert len(play.upstream.requests) == 13
        assert len([each for each in play.records if each["kind"] == "closed"]) == 13

    perform(tmp_path, scene)


def test_a_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        async def dial(pool: Any, patience: Any) -> Any:
            raise ConnectionRefusedError

        play.plane.upstreams._dial = dial
        error = await play.refused(texts("a"))
        assert reason(error) == (CODE.UNAVAILABLE, "upstream_unreachable")

    perform(tmp_path, scene)


def test_both_sides_speak_tls_and_verify(tmp_path: Path) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "127.0.0.1")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    pair = (leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes())
    listen = 'listen: {grpc: {address: "127.0.0.1:0"}, tls: {certificate: cert.pem, key: key.pem}}'
    config = CONFIG.replace('listen: {grpc: {address: "127.0.0.1:0"}}', listen).replace(
        'url: "http://127.0.0.1:PORT", ', 'url: "https://localhost:PORT", tls: {authorities: ca.pem}, '
    )

    async def scene(play: GrpcPlay) -> None:
        assert (await play.infer(texts("a"))).model_name == "inner-iris"
        assert play.upstream.metadata[0]["authorization"] == "Bearer upstream-credential"

    proofs = grpc.ssl_server_credentials([pair])
    trusts = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    perform(tmp_path, scene, config=config, proofs=proofs, trusts=trusts)


def test_a_model_server_whose_certificate_is_not_of_the_authority_gets_nothing(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    leaf = other.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    config = CONFIG.replace(
        'url: "http://127.0.0.1:PORT", ', 'url: "https://localhost:PORT", tls: {authorities: ca.pem}, '
    )

    async def scene(play: GrpcPlay) -> None:
        assert (await play.refused(texts("a"))).code() is CODE.UNAVAILABLE
        assert not play.upstream.requests

    proofs = grpc.ssl_server_credentials([(leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes())])
    perform(tmp_path, scene, config=config, proofs=proofs)


def test_a_failure_inside_tells_the_caller_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(play: GrpcPlay) -> None:
        play.plane.snapshot = None  # type: ignore[assignment]
        error = await play.refused(texts("hunter2"))
        assert "hunter2" not in str(error)

    perform(tmp_path, scene)
    assert "hunter2" not in caplog.text


def test_a_message_beyond_the_limit_is_refused_and_recorded(tmp_path: Path) -> None:
    config = CONFIG.replace(
        '{grpc: {address: "127.0.0.1:0"}}', '{grpc: {address: "127.0.0.1:0"}, limits: {body: 1KiB}}'
    )

    async def scene(play: GrpcPlay) -> None:
        assert (await play.refused(texts("a" * 2000))).code() is CODE.RESOURCE_EXHAUSTED
        assert not play.upstream.requests
        await until(lambda: len(play.records) == 1)
        assert (play.records[0]["decision"], play.records[0]["reason"]) == ("denied", "body_too_large")

    perform(tmp_path, scene, config=config)
