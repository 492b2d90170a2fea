import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playbook import CONFIG, Play, chat, chunk_event, completion, event, perform, post, reply, stream

from guardhouse.path.answered import ODD, name_in, name_in_stream

PLAIN = CONFIG.replace("entities: [all]", "entities: []")


def pinned(how: str, config: str = PLAIN) -> str:
    return config.replace(
        "renamed: {targets: [local], name: the-real-name}",
        f'renamed: {{targets: [local], name: the-real-name, version: "2.1", aliases: [latest], {how}}}',
    )


TELL, REFUSE = pinned("pin: {}"), pinned("pin: {drift: refuse}")
PATTERN = pinned("pin: {answers: [the-*, other], drift: refuse}")


def named(name: Any) -> dict[str, Any]:
    return {**completion("fine"), "model": name}


def said(
    tmp_path: Path, config: str, answer: Sequence[bytes], times: int = 1, **fields: Any
) -> tuple[int, bytes, list[dict[str, Any]]]:
    seen: list[tuple[int, bytes, list[dict[str, Any]]]] = []

    async def scene(play: Play) -> None:
        for _ in range(times - 1):
            await play.say(post({**chat("hi", "renamed"), **fields}))
        given = await play.say(post({**chat("hi", "renamed"), **fields}))
        seen.append((given.status, given.body, play.journal))

    perform(tmp_path, scene, lambda _: list(answer), config=config)
    return seen[0]


def events(journal: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for record in journal if record["kind"] == "event" and record["name"] == "model.drifted"]


def closed(journal: list[dict[str, Any]]) -> dict[str, Any]:
    return [record for record in journal if record["kind"] == "closed"][-1]


def test_three_names_are_on_the_record(tmp_path: Path) -> None:
    status, _, journal = said(tmp_path, TELL, [reply(named("something-else"))], model="latest")
    record = closed(journal)
    names = (record["asked"], record["model"], record["sent"], record["answered"])
    assert (status, names) == (200, ("latest", "renamed", "the-real-name", "something-else"))


def test_names_that_say_nothing_new_are_left_out(tmp_path: Path) -> None:
    _, _, journal = said(tmp_path, TELL, [reply(named("the-real-name"))])
    record = closed(journal)
    assert not {"asked", "answered"} & record.keys()
    assert events(journal) == []


@pytest.mark.parametrize("name", ["renamed", "latest", "renamed@2.1"])
def test_a_model_is_asked_for_by_its_names(tmp_path: Path, name: str) -> None:
    assert said(tmp_path, TELL, [reply(named("the-real-name"))], model=name)[0] == 200


@pytest.mark.parametrize("name", ["renamed@2.0", "latest@2.1", "small@1"])
def test_another_version_is_no_model(tmp_path: Path, name: str) -> None:
    status, body, _ = said(tmp_path, TELL, [reply(named("the-real-name"))], model=name)
    assert (status, json.loads(body)["error"]["code"]) == (403, "model_denied")


def test_another_name_is_told_of_once(tmp_path: Path) -> None:
    status, _, journal = said(tmp_path, TELL, [reply(named("something-else"))], times=3)
    (told,) = events(journal)
    assert status == 200
    assert told["facts"]["answered"] == "something-else"
    assert (told["model"], told["severity"], told["facts"]["target"]) == ("renamed", "alert", "local")


@pytest.mark.parametrize("name", ["something-else", "the-real-name-2", None, 7, "bad name", ""])
def test_an_answer_by_another_name_is_refused_where_the_pin_says_so(tmp_path: Path, name: Any) -> None:
    status, body, journal = said(tmp_path, REFUSE, [reply(named(name))])
    assert (status, json.loads(body)["error"]["code"]) == (502, "model_drifted")
    assert closed(journal)["input_tokens"] == 7  # it was made all the same
    assert len(events(journal)) == 1


@pytest.mark.parametrize(("name", "status"), [("the-real-name", 200), ("other", 200), ("others", 502), ("xthe-", 502)])
def test_a_pin_may_be_a_pattern(tmp_path: Path, name: str, status: int) -> None:
    assert said(tmp_path, PATTERN, [reply(named(name))])[0] == status


def test_an_answer_that_cannot_be_read_does_not_pass_a_pin_that_refuses(tmp_path: Path) -> None:
    for answer in (reply(b"{", b"200 OK"), reply(b"fine", b"200 OK", b"text/plain")):
        status, body, _ = said(tmp_path, REFUSE, [answer])
        assert (status, json.loads(body)["error"]["code"]) == (502, "response_unreadable")


def test_an_error_of_the_model_server_is_no_drift(tmp_path: Path) -> None:
    status, _, journal = said(tmp_path, REFUSE, [reply({"error": {"message": "busy"}}, b"400 Bad Request")])
    assert (status, events(journal)) == (400, [])


def flowing(name: str) -> list[bytes]:
    first = event({"id": "c", "model": name, "choices": [{"index": 0, "delta": {"content": "secret"}}]})
    return stream(first[:20], first[20:], chunk_event("more"), chunk_event(None, "stop"), b"data: [DONE]\n\n")


def test_nothing_of_a_stream_by_another_name_leaves(tmp_path: Path) -> None:
    _, body, journal = said(tmp_path, REFUSE, flowing("something-else"), stream=True)
    assert b"secret" not in body
    assert b"model_drifted" in body
    assert closed(journal)["reason"] == "model_drifted"


def test_a_stream_by_the_right_name_flows_whole(tmp_path: Path) -> None:
    for config in (TELL, REFUSE):
        _, body, journal = said(tmp_path, config, flowing("the-real-name"), stream=True)
        assert b"secret" in body
        assert b"more" in body
        assert events(journal) == []


def test_a_stream_by_another_name_flows_and_is_told_of_where_the_pin_says_so(tmp_path: Path) -> None:
    _, body, journal = said(tmp_path, TELL, flowing("something-else"), stream=True)
    assert b"secret" in body
    assert len(events(journal)) == 1
    assert closed(journal)["answered"] == "something-else"


def test_a_stream_that_never_says_its_name_ends_refused(tmp_path: Path) -> None:
    unnamed = event({"id": "c", "choices": [{"index": 0, "delta": {"content": "secret"}}]})
    for count in (1, 400):
        _, body, _ = said(tmp_path, REFUSE, stream(*[unnamed] * count), stream=True)
        assert b"secret" not in body
        assert b"model_drifted" in body


CONTRACT = PLAIN.replace(
    "small: {targets: [local, spare]}", "small: {targets: [local, spare], contract: talk}"
).replace(
    "\npolicies:",
    '\ncontracts:\n  talk: {version: "1.0", response: {schema: {properties: {id: {maxLength: 10}}}}}\npolicies:',
)


def test_an_answer_that_breaks_the_contract_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    status, body, journal = said(tmp_path, CONTRACT, [reply({**completion("x"), "id": "secret" * 9})], model="small")
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (502, "answer_off_contract")
    assert "By the contract talk 1.0, at /id: maxLength." in error["message"]
    assert "secret" not in json.dumps(journal) + error["message"]


def test_an_answer_that_keeps_the_contract_passes(tmp_path: Path) -> None:
    status, _, _ = said(tmp_path, CONTRACT, [reply({**completion("x"), "id": "c-1"})], model="small")
    assert status == 200


def test_where_answers_have_a_contract_none_may_flow(tmp_path: Path) -> None:
    status, body, _ = said(tmp_path, CONTRACT, flowing("m"), model="small", stream=True)
    assert (status, json.loads(body)["error"]["code"]) == (400, "contract_violated")
    status, body, _ = said(tmp_path, CONTRACT, flowing("m"), model="small")  # although nobody has asked for it
    assert (status, json.loads(body)["error"]["code"]) == (502, "response_unreadable")


@given(st.text())
def test_no_text_inside_of_an_answer_passes_for_its_name(text: str) -> None:
    inside = json.dumps({"choices": [{"delta": {"content": f'"model":"{text}"'}}]}).encode()
    assert name_in_stream(inside) == ""


@given(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(),
        st.dictionaries(st.sampled_from(["model", "model_name"]), st.one_of(st.text(), st.integers())),
    )
)
def test_a_name_that_is_repeated_looks_like_one(document: Any) -> None:
    name = name_in(document)
    assert name in ("", ODD) or (len(name) <= 128 and name.isascii() and name.isprintable() and " " not in name)
