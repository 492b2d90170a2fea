import json
from pathlib import Path
from typing import Any

import pytest
from playbook import CONFIG, Play, chat, completion, perform, post, reply

MODELS = """
  small:
    targets: [local, spare]
    contract: talk
    parameters:
      allow: [top_p, tools, response_format]
      rules:
        temperature: {min: 0, max: 1}
        max_tokens: {min: 1, max: 100, over: clamp}
        logit_bias: refuse
    content: {messages: 3, characters: 400, images: 1, hosts: [cdn.example.com], media: [image/*], media_bytes: 1KiB}
    features: {tools: off, streaming: off}
"""
CONTRACTS = """
contracts:
  talk:
    version: "1.2"
    request:
      schema:
        properties:
          messages: {items: {properties: {content: {type: [string, array], maxLength: 300}}}}
"""
STRICT = CONFIG.replace("\n  small: {targets: [local, spare]}\n", MODELS).replace(
    "\npolicies:", CONTRACTS + "policies:"
)


def image(value: str) -> Any:
    return [{"type": "image_url", "image_url": {"url": value}}]


def refused(
    tmp_path: Path, document: dict[str, Any], config: str = STRICT
) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Status, error and record of a request that must not reach the model server."""
    seen: list[tuple[int, dict[str, Any], dict[str, Any]]] = []

    async def scene(play: Play) -> None:
        answer = await play.say(post(document))
        assert play.server.requests == []
        (closed,) = play.records
        seen.append((answer.status, answer.json["error"], closed))

    perform(tmp_path, scene, config=config)
    return seen[0]


@pytest.mark.parametrize(
    ("document", "code", "param"),
    [
        (chat("hi", temperature=2), "parameter_refused", "temperature"),
        (chat("hi", seed=1), "parameter_refused", "seed"),
        (chat("hi", logit_bias={}), "parameter_refused", "logit_bias"),
        (chat("x" * 301), "contract_violated", None),
        ({**chat("hi"), "messages": [{"role": "user", "content": "a"}] * 4}, "content_beyond_limit", "messages"),
        (
            {**chat("hi"), "messages": [{"role": "user", "content": "a" * 200}] * 3},
            "content_beyond_limit",
            "characters",
        ),
        (chat("hi", tools=[{"type": "function", "function": {"name": "f"}}]), "feature_refused", "tools"),
        (chat("hi", stream=True), "feature_refused", "streaming"),
        (
            {**chat("hi"), "messages": [{"role": "user", "content": image("https://evil.example/")}]},
            "url_refused",
            "messages[0].content[0].image_url.url",
        ),
        (
            {**chat("hi"), "messages": [{"role": "user", "content": image("data:text/plain;base64,AA")}]},
            "media_refused",
            "messages[0].content[0].image_url.url",
        ),
        (
            {**chat("hi"), "messages": [{"role": "user", "content": image("data:image/png;base64," + "A" * 1400)}]},
            "media_refused",
            "messages[0].content[0].image_url.url",
        ),
    ],
)
def test_what_the_model_is_not_to_be_given_is_refused_with_its_reason(
    tmp_path: Path, document: dict[str, Any], code: str, param: str | None
) -> None:
    status, error, closed = refused(tmp_path, document)
    assert (status, error["code"], error["param"]) == (400, code, param)
    assert (closed["reason"], closed["controls"]["contracts"]) == (code, "blocked")


def test_the_place_and_the_keyword_of_a_broken_contract_are_told_and_nothing_of_the_request(tmp_path: Path) -> None:
    _, error, closed = refused(tmp_path, chat("secret " * 50))
    assert "By the contract talk 1.2, at /messages/0/content: maxLength." in error["message"]
    assert "secret" not in json.dumps(error) + json.dumps(closed)


def test_a_parameter_is_clamped_in_what_goes_upstream_and_the_record_says_so(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hi", max_tokens=5000)))
        assert answer.status == 200
        assert play.server.document()["max_tokens"] == 100
        assert play.records[-1]["controls"]["contracts"] == "changed"

    perform(tmp_path, scene, config=STRICT)


SET = CONFIG.replace(
    "small: {targets: [local, spare]}",
    "small: {targets: [local, spare], parameters: {rules: {user: {set: operator}, note: {set: none}}}}",
)


def test_masking_does_not_bring_back_what_the_gateway_has_replaced(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hi", user="bob@example.com", Note="eve@example.com")))
        assert answer.status == 200
        document = play.server.document()
        assert (document["user"], document["note"], "Note" in document) == ("operator", "none", False)

    perform(tmp_path, scene, config=SET)


PLAIN = CONFIG.replace("entities: [all]", "entities: []")


@pytest.mark.parametrize("value", ["http://169.254.169.254/latest", "https://example.com/a.png", "file:///etc/passwd"])
def test_a_model_of_which_nothing_is_said_fetches_nothing_but_data(tmp_path: Path, value: str) -> None:
    document = {**chat("hi"), "messages": [{"role": "user", "content": image(value)}]}
    assert refused(tmp_path, document, PLAIN)[1]["code"] == "url_refused"


def test_what_a_request_brings_along_itself_goes_on(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        content = image("data:image/png;base64,AAAA")
        answer = await play.say(post({**chat("hi"), "messages": [{"role": "user", "content": content}]}))
        assert answer.status == 200
        assert play.server.document()["messages"][0]["content"] == content
        assert play.records[-1]["controls"]["contracts"] == "passed"

    perform(tmp_path, scene, config=PLAIN)


def test_names_that_a_caller_made_up_are_not_repeated(tmp_path: Path) -> None:
    _, error, _ = refused(tmp_path, chat("hi", my_secret={"url": "https://x.example"}), PLAIN)
    assert error["param"] == "*.url"


FALLBACK = (
    PLAIN.replace(
        "  local: {kind: openai,", "  local: {capacity: {concurrent: 1, queue: {depth: 4, wait: 5s}}, kind: openai,"
    )
    .replace(
        "small: {targets: [local, spare]}",
        "small: {targets: [local], fallback: other}\n  other: {targets: [spare], parameters: {rules: {seed: refuse}}}",
    )
    .replace("models: [small, renamed]", "models: [small, renamed, other]")
    .replace("models:\n  small", "tiers: {everybody: {fallback: true}}\nmodels:\n  small")
)


def test_a_fallback_that_would_not_take_the_request_is_none(tmp_path: Path) -> None:
    def script(_: bytes) -> list[bytes | None]:
        return []

    async def scene(play: Play) -> None:
        first, second, third = (play.connect() for _ in range(3))
        plain: dict[str, Any] = {}
        for (_, caller), extra in ((first, plain), (second, {"seed": 1}), (third, plain)):
            caller.data_received(post(chat("hi", **extra)))
            await play.turn()
        assert [record["model"] for record in play.records if record["kind"] == "opened"] == ["small", "other"]
        assert play.plane.held == 1

    perform(tmp_path, scene, script, config=FALLBACK)


def test_an_answer_is_served_as_before(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hi", temperature=1, top_p=0.5)))
        assert answer.json["choices"][0]["message"]["content"] == "fine"

    perform(tmp_path, scene, lambda _: [reply(completion("fine"))], config=STRICT)


LISTED = """
targets:
  local: {kind: generic, url: "http://127.0.0.1:9"}
models:
  small: {targets: [local], HELD}
routes: {/score: {operation: predict, model: small}}
policies:
  - {name: all, who: {ids: ["*"]}, may: [predict], models: [small]}
"""


@pytest.mark.parametrize(
    ("held", "code"),
    [
        ("parameters: {rules: {beams: {max: 4}}}", "parameter_refused"),
        ("content: {characters: 10}", "content_beyond_limit"),
        ("content: {messages: 1}", "content_beyond_limit"),
        ("features: {tools: off}", "feature_refused"),
    ],
)
def test_what_a_model_s_requests_are_held_to_cannot_be_passed_by_in_a_list(
    tmp_path: Path, held: str, code: str
) -> None:
    body = [{"beams": 99, "text": "more than ten characters", "messages": ["a", "b"], "tools": [{"name": "f"}]}]

    async def scene(play: Play) -> None:
        answer = await play.say(post(body, path=b"/score"))
        assert (answer.status >= 400, answer.code) == (True, code)
        assert play.server.requests == []

    perform(tmp_path, scene, config=LISTED.replace("HELD", held))


INJECTED = (
    LISTED.replace(", HELD", "")
    .replace("models: [small]}", "models: [small], injection: block}")
    .replace(
        "operation: predict, model: small",
        "operation: predict, model: small, texts: {/note: user, /items/*/said: user}",
    )
)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([{"text": "hi"}, {"customer": "x' or 1=1 --"}], "document[1].customer"),
        ([{"metadata": {"tenant": "../../etc"}}], "document[0].metadata.tenant"),
        ([[[{"customer": "$(id)"}]]], "document[0][0][0].customer"),
        ([{"options": {"sort": ["name", "; rm -rf /"]}}], "document[0].options.sort[1]"),
        ({"instances": [{"customer": "$(id)"}]}, "instances[0].customer"),
        ({"filter": {"by": {"customer": "$(id)"}}}, "filter.by.customer"),
        ({"items": [{"said": "try `ls`", "sku": "`ls`"}]}, "items[0].sku"),
        ({"columns": ["a", "a; drop table users"]}, "columns[1]"),
        ({"filter": {"x' or 1=1 --": 1}}, "filter.*"),
        ({"input": {"customer": "$(id)"}}, "input.customer"),
        ({"": ["$(id)"]}, "*[0]"),
        ([{"tools": {"x": {"y": ["$(id)"]}}}], "document[0].tools.x.y[0]"),
    ],
)
def test_injections_are_found_in_every_entry_and_object_of_a_declared_route(
    tmp_path: Path, body: Any, param: str
) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(body, path=b"/score"))
        assert (answer.code, answer.json["error"]["param"]) == ("injection_found", param)
        assert play.server.requests == []

    perform(tmp_path, scene, config=INJECTED)


@pytest.mark.parametrize(
    "body",
    [
        ["run `ls` with $(id)", "x' or 1=1 --"],
        {"note": "what does `ls` do?", "items": [{"said": "; rm -rf /", "sku": "a-1"}]},
        [{"text": "; rm -rf /", "tool_calls": [{"function": {"name": "sh", "arguments": "; rm -rf /"}}]}],
        {"tools": [{"name": "f", "parameters": {"properties": {"path": {"pattern": "^/etc/"}}}}]},
    ],
)
def test_texts_and_arguments_of_a_declared_route_are_no_parameters(tmp_path: Path, body: Any) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(body, path=b"/score"))).status == 200

    perform(tmp_path, scene, lambda _: [reply({"score": 1})], config=INJECTED)


KEEPS_NOTHING = PLAIN.replace(
    "small: {targets: [local, spare]}", "small: {targets: [local, spare], features: {stored: off}}"
)
KEEPS_SOMETHING = KEEPS_NOTHING.replace(  # for others
    "features: {stored: off}", "features: {stored: 0.1%}, content: {stored: [files, responses, conversations]}"
)
RESPONSES = b"/v1/responses"
ANSWERED = {"id": "r", "object": "response", "status": "completed", "output": [], "model": "m"}


@pytest.mark.parametrize(
    ("path", "document"),
    [
        (RESPONSES, {"model": "small", "input": "hi"}),
        (RESPONSES, {"model": "small", "input": "hi", "store": None, "background": False}),
        (RESPONSES, {"model": "small", "input": "hi", "store": False}),
        (b"/v1/chat/completions", chat("hi")),
    ],
)
def test_a_model_server_is_told_to_keep_nothing_where_nothing_is_said(
    tmp_path: Path, path: bytes, document: dict[str, Any]
) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(document, path=path))).status == 200
        assert play.server.document()["store"] is False
        told = play.records[-1]["controls"]["contracts"]
        assert told == ("passed" if document.get("store") is False else "changed")

    perform(tmp_path, scene, lambda _: [reply(ANSWERED)], config=KEEPS_NOTHING)


@pytest.mark.parametrize("path", [b"/v1/completions", b"/v1/embeddings"])
def test_what_is_never_kept_is_sent_as_it_is(tmp_path: Path, path: bytes) -> None:
    async def scene(play: Play) -> None:
        await play.say(post({"model": "small", "prompt": "hi", "input": "hi"}, path=path))
        assert "store" not in play.server.document()

    perform(tmp_path, scene, config=KEEPS_NOTHING)


@pytest.mark.parametrize(
    "wish",
    [
        {"store": True},
        {"background": True},
        {"previous_response_id": "resp_bobs_secret"},
        {"conversation": {"id": "conv_bobs_secret"}},
        {"input": [{"type": "item_reference", "id": "msg_bobs_secret"}]},
        {"input": [{"type": "reasoning", "id": "rs_bobs_secret", "summary": []}]},
        {"file_id": "file-bobs-secret"},
    ],
)
def test_what_needs_storage_is_refused_by_its_name(tmp_path: Path, wish: dict[str, Any]) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post({"model": "small", "input": "hi", **wish}, path=RESPONSES))
        (name,) = wish
        assert (answer.code, answer.json["error"]["param"]) == ("feature_refused", name)
        assert f"{name} needs what the model server keeps" in answer.json["error"]["message"]
        assert "secret" not in answer.body.decode() + json.dumps(play.records)
        assert play.server.requests == []

    perform(tmp_path, scene, config=KEEPS_SOMETHING)


def test_what_rules_of_parameters_put_in_does_not_make_a_model_server_keep_it(tmp_path: Path) -> None:
    stubborn = KEEPS_NOTHING.replace(
        "features: {stored: off}", "features: {stored: off}, parameters: {rules: {store: {set: true}}}"
    )

    async def scene(play: Play) -> None:
        assert (await play.say(post({"model": "small", "input": "hi"}, path=RESPONSES))).status == 200
        assert play.server.document()["store"] is False

    perform(tmp_path, scene, lambda _: [reply(ANSWERED)], config=stubborn)


def test_without_that_switch_nothing_is_said_of_storage(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post({"model": "small", "input": "hi"}, path=RESPONSES))
        assert "store" not in play.server.document()

    perform(tmp_path, scene, lambda _: [reply(ANSWERED)], config=PLAIN)


def test_a_fallback_that_keeps_nothing_takes_only_what_says_so(tmp_path: Path) -> None:
    config = FALLBACK.replace("parameters: {rules: {seed: refuse}}", "features: {stored: off}")

    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        assert (await play.say(post(chat("hi")))).status == 502
        answer = await play.say(post(chat("hi", store=False)))
        assert (answer.status, play.records[-1]["model"]) == (200, "other")

    perform(tmp_path, scene, config=config)
