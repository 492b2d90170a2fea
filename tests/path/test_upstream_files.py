"""A credential in a file is renewed while the gateway runs, and never outlives what is known of it for long."""

from pathlib import Path

import pytest
from playbook import Play, chat, completion, perform, post, reply

from guardhouse.model.secret import Secret
from guardhouse.path.upstream_files import UpstreamCredential
from guardhouse.policy.references import Reference
from guardhouse.policy.snapshot import Target

CONFIG = """
targets:
  local: {kind: openai, url: "http://127.0.0.1:9", credential: "${file:key}"}
models:
  small: {targets: [local]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat], models: [small]}
upstream: {credential_stale: 60s}
"""


def follow(file: Path) -> UpstreamCredential:
    target = Target(
        name="t",
        kind="openai",
        scheme="http",
        host="127.0.0.1",
        port=9,
        credential=Secret("first"),
        credential_from=Reference("file", str(file)),
    )
    return UpstreamCredential(target, 60.0)


def shown(credential: UpstreamCredential) -> str:
    return "" if credential.current is None else credential.current.reveal()


def test_a_renewed_credential_is_used(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    credential = follow(file)
    assert credential.look(0.0) is None
    file.write_text("second, but no credential")
    assert "holds something" in str(credential.look(1.0))
    assert shown(credential) == "first"
    file.write_text("second\n")
    assert credential.look(2.0) == ""
    assert shown(credential) == "second"
    assert credential.look(3.0) is None
    assert "second" not in repr(credential)


def test_one_renewed_between_reading_the_configuration_and_starting_is_found(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("second\n")
    credential = follow(file)
    assert credential.look(0.0) == ""
    assert shown(credential) == "second"


def test_one_that_cannot_be_read_is_gone_on_with_for_a_while_and_then_not(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first")
    credential = follow(file)
    credential.look(0.0)
    file.unlink()
    assert "cannot be read" in str(credential.look(10.0))
    assert credential.look(69.0) is None
    assert shown(credential) == "first"
    assert "not used any more" in str(credential.look(70.0))
    assert credential.current is None
    assert credential.look(71.0) is None
    file.write_text("first")
    assert credential.look(72.0) == ""
    assert shown(credential) == "first"


def test_a_request_has_the_credential_of_its_moment_and_none_goes_without(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("credential-one")

    async def scene(play: Play) -> None:
        def sent() -> str:
            lines = play.server.requests[-1].decode().split("\r\n")
            return next(line for line in lines if line.startswith("authorization"))

        now = play.plane.loop_time()
        await play.say(post(chat("x")))
        assert sent() == "authorization: Bearer credential-one"
        file.write_text("credential-two")
        play.plane.upstreams.sweep(now + 2)
        answer = await play.say(post(chat("x")))
        assert sent() == "authorization: Bearer credential-two"
        assert b"credential-" not in answer.raw
        file.unlink()
        play.plane.upstreams.sweep(now + 4)
        assert (await play.say(post(chat("x")))).status == 200
        play.plane.upstreams.sweep(now + 5)
        play.plane.upstreams.sweep(now + 70)
        count = len(play.server.requests)
        answer = await play.say(post(chat("x")))
        assert (answer.status, answer.code) == (503, "upstream_credential_unavailable")
        assert len(play.server.requests) == count
        told = [(event.name, event.severity) for event in play.plane.upstreams.wards.take_news(0.0)]
        assert told[0] == ("target.credential", "notice")
        assert {severity for _, severity in told[1:]} == {"alert"}
        journal = b"".join(path.read_bytes() for path in (tmp_path / "journal").glob("*.jsonl"))
        assert b"credential-" not in journal

    perform(tmp_path, scene, None, CONFIG)


@pytest.mark.parametrize("status", [b"401 Unauthorized", b"407 Proxy Authentication Required"])
def test_a_server_that_refuses_the_credential_is_no_business_of_the_caller(tmp_path: Path, status: bytes) -> None:
    (tmp_path / "key").write_text("credential-one")

    async def scene(play: Play) -> None:
        for _ in range(2):
            answer = await play.say(post(chat("x")))
            assert (answer.status, answer.code) == (502, "upstream_credential_refused")
            assert b"credential-one" not in answer.raw
        told = [event.name for event in play.plane.upstreams.wards.take_news(0.0)]
        assert told == ["target.credential_refused"]
        assert play.records[-1].get("input_tokens", 0) == 0

    script = [reply({"error": {"message": "Incorrect API key provided: credential-one"}}, status)]
    perform(tmp_path, scene, lambda _: script, CONFIG)


def test_an_error_that_repeats_the_credential_is_withheld_and_others_pass(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("credential-one")

    async def scene(play: Play) -> None:
        for content_type in (b"application/json", b"text/plain", b"application/octet-stream"):
            leaking = reply({"headers": "Bearer credential-one"}, b"500 Oh", content_type)
            play.server.script = lambda _, leaking=leaking: [leaking]  # type: ignore[misc]
            answer = await play.say(post(chat("x")))
            assert (answer.status, answer.code) == (502, "credential_in_answer")
            assert b"credential-one" not in answer.raw
        play.server.script = lambda _: [reply({"error": "credential-two"}, b"500 Oh")]
        assert (await play.say(post(chat("x")))).status == 500
        play.server.script = lambda _: [reply(completion("fine"))]
        assert (await play.say(post(chat("x")))).status == 200

    perform(tmp_path, scene, None, CONFIG)
