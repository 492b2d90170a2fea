"""Files and batches under policies: what they allow of them, what they cost, and what holds of each request in them."""

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
    snapshot_of,
    upload,
    uploading,
)
from playbook import ALICE, BOB, Play

from integration.batch_server import EMAIL, Shelf

TOOL = {"type": "function", "function": {"name": "f"}}
LONG = [{"role": "user", "content": "x" * 20}]


def with_model(said: str, text: str | None = None) -> str:
    """The configuration with something more said of the model `small`."""
    return (config() if text is None else text).replace("max_output: 100,", f"{said}, max_output: 100,")


def test_a_batch_is_no_way_to_an_operation_that_is_denied(tmp_path: Path) -> None:
    deny = '  - {name: no chat, effect: deny, who: {ids: ["*"]}, may: [chat], models: ["*"]}\n'

    async def scene(play: Play) -> None:
        assert (await play.say(uploading(form(lines_of(line("hello")))))).code == "model_denied"

    play_batches(tmp_path, scene, Shelf(), config(more=deny))


def test_a_policy_that_denies_inference_denies_files(tmp_path: Path) -> None:
    when = "when: {size: {at_least: 1B}}"
    deny = f'  - {{name: none, effect: deny, who: {{ids: ["*"]}}, may: [infer], models: ["*"], {when}}}\n'

    async def scene(play: Play) -> None:
        assert (await play.say(uploading(form(lines_of(line("hello")))))).code == "policy_denied"

    play_batches(tmp_path, scene, Shelf(), config(more=deny))


def test_what_restricts_the_requests_restricts_the_file(tmp_path: Path) -> None:
    mask = "mask: {entities: [email]}"
    more = f'  - {{name: masked, effect: restrict, who: {{ids: ["*"]}}, may: [chat], models: ["*"], {mask}}}\n'
    shelf = Shelf()

    async def scene(play: Play) -> None:
        await upload(play, line(SECRET))
        assert contents(shelf) == [[MASKED]]
        assert closed_of(play)[0]["policies"] == ["research", "masked"]

    play_batches(tmp_path, scene, shelf, config(more=more))


def test_a_model_that_is_not_permitted_is_not_permitted_in_a_file(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(uploading(form(lines_of(line("x", model="other"))), BOB))).code == "model_denied"
        play.wire, play.caller = play.connect()
        assert (await play.say(uploading(form(lines_of(line("x", model="nothing")))))).code == "model_denied"

    play_batches(tmp_path, scene, Shelf())


def test_an_order_is_charged_each_time_and_an_upload_is_not(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"), line("hi", 2))
        assert await order(play, file)
        (first, second) = closed_of(play)
        assert (first.get("input_tokens", 0), first.get("output_tokens", 0)) == (0, 0)
        assert (second["output_tokens"], second["usage_source"]) == (40, "reserved")
        charged = second["charged"]
        assert charged > 150
        last = await play.say(ordering(file))
        for _ in range(9):
            play.wire, play.caller = play.connect()
            last = await play.say(ordering(file))
        assert last.code == "budget_exhausted"
        assert len(shelf.batches) == 1000 // charged

    play_batches(tmp_path, scene, shelf, config(f"{'mask: {entities: []}'}\n    limits: {{budget: 1k tokens/day}}"))


def test_under_a_budget_every_line_gets_a_length(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello", max_tokens=None), line("hi", 2, max_tokens=50))
        lengths = [json.loads(one)["body"]["max_tokens"] for one in shelf.files["file-0001"].splitlines()]
        assert lengths == [100, 50]
        await order(play, file)
        assert closed_of(play)[-1]["output_tokens"] == 150

    effects = "mask: {entities: []}\n    limits: {budget: 100k tokens/day}"
    play_batches(tmp_path, scene, shelf, config(effects))


def test_what_is_left_of_a_budget_now_does_not_shorten_what_is_carried_out_later(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello", max_tokens=50))
        while (await play.say(ordering(file))).status == 200:
            play.wire, play.caller = play.connect()
        play.wire, play.caller = play.connect()
        await upload(play, line("hello", max_tokens=None), line("hi", 2, max_tokens=90))
        bodies = [json.loads(one)["body"] for one in shelf.files["file-0002"].splitlines()]
        assert [body["max_tokens"] for body in bodies] == [100, 90]

    effects = "mask: {entities: []}\n    limits: {budget: 500 tokens/day, cap_output: true}"
    play_batches(tmp_path, scene, shelf, config(effects))


def test_an_answer_that_is_wished_to_be_none_is_charged_like_one_that_is_asked_for_directly(tmp_path: Path) -> None:
    """Not every model server takes a length of nothing at its word."""
    body = {"model": "small", "prompt": ["a", "b"], "max_tokens": 0, "n": 2}
    scoring = {"custom_id": "q", "method": "POST", "url": "/v1/completions", "body": body}

    async def scene(play: Play) -> None:
        file = await upload(play, scoring)
        assert (await play.say(ordering(file, endpoint="/v1/completions"))).status == 200
        assert closed_of(play)[-1]["output_tokens"] == 400

    effects = "mask: {entities: []}\n    limits: {budget: 100k tokens/day}"
    play_batches(tmp_path, scene, Shelf(), config(effects))


def test_what_has_no_bound_is_refused_under_a_budget(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        search = line("hello", web_search_options={})
        assert (await play.say(uploading(form(lines_of(line("x", 2), search))))).code == "input_unbounded"

    effects = "mask: {entities: []}\n    limits: {budget: 100k tokens/day}"
    play_batches(tmp_path, scene, Shelf(), config(effects))


def test_an_order_that_the_server_refuses_costs_nothing(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        shelf.files.clear()
        assert (await play.say(ordering(file))).status == 404
        assert "input_tokens" not in closed_of(play)[-1]

    play_batches(tmp_path, scene, shelf, config("limits: {budget: 1k tokens/day}"))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"completion_window": None}, "completion_window"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "output_expires_after"),
        ({"input_file_id": 7}, "input_file_id"),
        ({"Endpoint": "/v1/embeddings"}, "endpoint"),
    ],
)
def test_an_order_of_another_shape_is_refused(tmp_path: Path, fields: dict[str, Any], param: str) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        answer = await play.say(ordering(file, **fields))
        assert (answer.code, answer.json["error"]["param"]) == ("shape_invalid", param)
        assert shelf.batches == {}

    play_batches(tmp_path, scene, shelf)


def test_the_words_of_an_order_are_texts(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        answer = await play.say(ordering(file, metadata={"who": EMAIL}))
        assert answer.status == 200
        assert shelf.batches["batch_0001"]["metadata"] == {"who": "[EMAIL]"}
        assert shelf.batches["batch_0001"]["input_file_id"] == "file-0001"
        assert closed_of(play)[-1]["masked_request"] == {"email": 1}

    play_batches(tmp_path, scene, shelf, config("mask: {entities: [email]}"))


def test_an_upload_fails_over_and_its_id_stays_with_the_server_that_took_it(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        file = await upload(play, line("hello"))
        play.server.refuses = set()
        batch = await order(play, file)
        assert [record["target"] for record in closed_of(play)] == ["spare", "spare"]
        play.server.refuses = {"spare"}
        play.plane.upstreams.close()
        answer = await ask(play, b"GET", f"/v1/batches/{batch}")
        assert answer.code == "upstream_unreachable"

    play_batches(tmp_path, scene, shelf)


def test_a_key_is_not_the_principal(tmp_path: Path) -> None:
    """An id is its principal's, by whichever credential it comes."""
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"), key=ALICE)
        said = b"GET /v1/files/%b HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer %b\r\n\r\n" % (
            file.encode(),
            ALICE,
        )
        play.wire, play.caller = play.connect()
        assert (await play.say(said)).json["id"] == file

    play_batches(tmp_path, scene, shelf)


def test_nothing_that_is_deferred_falls_back_to_another_model(tmp_path: Path) -> None:
    text = with_model("fallback: [other]").replace("local, spare", "spare")

    async def scene(play: Play) -> None:
        play.server.refuses = {"spare"}
        assert (await play.say(uploading(form(lines_of(line("hello")))))).code == "upstream_unreachable"

    play_batches(tmp_path, scene, Shelf(), text)


def test_nothing_that_is_deferred_is_sent_twice(tmp_path: Path) -> None:
    text = with_model("repeat: unanswered") + "upstream: {retries: {attempts: 3}}\n"
    broken: list[bytes] = []

    def break_off(data: bytes) -> list[bytes | None]:
        broken.append(data)
        return [None]

    async def scene(play: Play) -> None:
        play.server.script = break_off
        assert (await play.say(uploading(form(lines_of(line("hello")))))).code == "upstream_closed_early"
        assert len(broken) == 1

    play_batches(tmp_path, scene, Shelf(), text)


@pytest.mark.parametrize(
    ("model", "fields", "code", "param"),
    [
        ("features: {tools: off}", {"tools": [TOOL]}, "feature_refused", "tools"),
        ("content: {characters: 10}", {"messages": LONG}, "content_beyond_limit", "characters"),
        ("parameters: {rules: {temperature: {max: 1}}}", {"temperature": 2}, "parameter_refused", "temperature"),
    ],
)
def test_each_line_is_held_to_what_is_said_of_the_model(
    tmp_path: Path, model: str, fields: dict[str, Any], code: str, param: str
) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        answer = await play.say(uploading(form(lines_of(line("a"), line("b", 2, **fields)))))
        assert (answer.code, answer.json["error"]["param"]) == (code, param)
        assert "Request 2" in answer.json["error"]["message"]
        assert shelf.asked == []

    play_batches(tmp_path, scene, shelf, with_model(model))


def test_a_parameter_is_set_in_each_line_and_an_order_has_none(tmp_path: Path) -> None:
    shelf = Shelf()
    rule = "parameters: {rules: {store: {set: false}}}"

    async def scene(play: Play) -> None:
        await order(play, await upload(play, line("a"), line("b", 2, store=True)))
        bodies = [json.loads(one)["body"] for one in shelf.files["file-0001"].splitlines()]
        assert [body["store"] for body in bodies] == [False, False]
        assert "store" not in json.loads(shelf.asked[-1].body)

    play_batches(tmp_path, scene, shelf, with_model(rule))


def test_where_nothing_is_to_be_stored_nothing_is_left_and_what_was_left_can_be_deleted(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("a"))
        play.plane.snapshot = snapshot_of(with_model("features: {stored: off}"))
        play.wire, play.caller = play.connect()
        assert (await play.say(uploading(form(lines_of(line("a")))))).code == "feature_refused"
        assert (await ask(play, b"DELETE", f"/v1/files/{file}")).json["deleted"]
        assert shelf.files == {}

    play_batches(tmp_path, scene, shelf)


def test_a_url_in_a_line_is_refused_like_any_other(tmp_path: Path) -> None:
    part = [{"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}]

    async def scene(play: Play) -> None:
        lines = form(lines_of(line("a"), line("b", 2, messages=[{"role": "user", "content": part}])))
        assert (await play.say(uploading(lines))).code == "url_refused"

    play_batches(tmp_path, scene, Shelf())


@pytest.mark.parametrize("where", [{"server_url": "https://mcp.example.com/"}, {"connector_id": "connector_mail"}])
def test_a_server_in_a_line_is_let_in_only_if_the_model_names_it(tmp_path: Path, where: dict[str, str]) -> None:
    tool = {"type": "mcp", "server_label": "files", "authorization": "ghp_t0ken", **where}
    lines = line("a"), line("b", 2, tools=[tool])

    async def refused(play: Play) -> None:
        assert (await play.say(uploading(form(lines_of(*lines))))).code == "reach_forbidden"
        assert play.server.requests == []

    async def taken(play: Play) -> None:
        await upload(play, *lines)
        assert b"ghp_t0ken" in play.server.requests[0]
        (server,) = play.records[0]["servers"]
        assert server["host"] in ("mcp.example.com", "connector_mail")
        assert "t0ken" not in json.dumps(play.journal)

    (tmp_path / "named").mkdir()
    named = "max_output: 100, content: {mcp_servers: [mcp.example.com, connector_mail]}"
    play_batches(tmp_path, refused, Shelf(), config())
    play_batches(tmp_path / "named", taken, Shelf(), config().replace("max_output: 100", named))


def test_what_cannot_be_read_in_a_line_is_refused_where_requests_are_masked(tmp_path: Path) -> None:
    part = [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]

    async def scene(play: Play) -> None:
        lines = form(lines_of(line("a"), line("b", 2, messages=[{"role": "user", "content": part}])))
        answer = await play.say(uploading(lines))
        assert (answer.code, answer.json["error"]["param"]) == (
            "content_unreadable",
            "lines[1].body.messages[0].content[0]",
        )

    text = config("mask: {entities: [email]}")
    play_batches(tmp_path, scene, Shelf(), with_model("content: {media: [audio/*]}", text))


def test_fields_that_no_policy_knows_are_refused_in_lines_and_orders(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(uploading(form(lines_of(line("a"), line("b", 2, strange=1)))))
        assert (answer.code, answer.json["error"]["param"]) == ("field_forbidden", "lines[1].body.strange")
        play.wire, play.caller = play.connect()
        file = await upload(play, line("a"))
        answer = await play.say(ordering(file, strange=1))
        assert (answer.code, answer.json["error"]["param"]) == ("field_forbidden", "strange")

    play_batches(tmp_path, scene, Shelf(), config("unknown_fields: refuse"))


def test_a_request_rate_counts_each_call_once(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        file = await upload(play, line("a"), line("b", 2), line("c", 3))
        assert (await ask(play, b"GET", f"/v1/files/{file}")).status == 200
        assert (await ask(play, b"GET", f"/v1/files/{file}")).code == "request_rate_exceeded"

    play_batches(tmp_path, scene, Shelf(), config("limits: {requests: 2/h}"))


def test_what_nobody_looked_into_is_on_the_record_with_its_line(tmp_path: Path) -> None:
    part = [{"type": "input_audio", "input_audio": {"data": "UklGRiQAAABXQVZF", "format": "wav"}}]

    async def scene(play: Play) -> None:
        lines = form(lines_of(line("a"), line("b", 2, messages=[{"role": "user", "content": part}])))
        assert (await play.say(uploading(lines))).status == 200
        place = "lines[1].body.messages[0].content[0]"
        assert play.records[0]["unevaluated"] == [place]
        assert [one["place"] for one in play.records[0]["media"]] == [place]

    play_batches(tmp_path, scene, Shelf(), with_model("content: {media: [audio/*]}"))
