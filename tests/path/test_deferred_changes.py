"""What was left at a model server, after the policy, its circumstances, the servers or the key have changed."""

import base64
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
from playbook import PEPPER, Answer, Play

from guardhouse.identity.api_keys import KeyRecord, digest, key_of
from guardhouse.model.operation import Operation
from integration.batch_server import EMAIL, Shelf

TOOL = {"type": "function", "function": {"name": "f"}}
CHAT, FILES, BATCHES = Operation.CHAT, Operation.FILES, Operation.BATCHES
MORE = '  - {name: late, effect: restrict, who: {ids: ["*"]}, may: [chat], models: ["*"], mask: {entities: [email]}}\n'


def test_a_file_is_judged_again_where_the_policy_has_changed(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line(SECRET))
        batch = await order(play, file)
        play.plane.snapshot = snapshot_of(config(more=MORE))
        play.wire, play.caller = play.connect()
        refused = await play.say(ordering(file))
        assert (refused.status, refused.code) == (409, "file_outdated")
        assert len(shelf.batches) == 1
        told = await ask(play, b"GET", f"/v1/batches/{batch}")
        results = await ask(play, b"GET", f"/v1/files/{told.json['output_file_id']}/content")
        assert EMAIL.encode() not in results.body
        assert (await ask(play, b"POST", f"/v1/batches/{batch}/cancel")).status == 200
        assert (await ask(play, b"DELETE", f"/v1/files/{file}")).status == 200

    play_batches(tmp_path, scene, shelf)


def test_a_file_is_judged_again_where_another_policy_holds_by_the_circumstances(tmp_path: Path) -> None:
    """Uploaded from a place where nothing is masked, ordered from one where something would have been."""
    more = MORE.replace("mask:", "when: {not_network: [home]}, mask:") + "networks: {home: [192.0.2.0/24]}\n"

    async def scene(play: Play) -> None:
        file = await upload(play, line(SECRET))
        play.wire, play.caller = play.connect()
        play.caller._address = "198.51.100.1"
        assert (await play.say(ordering(file))).code == "file_outdated"
        play.wire, play.caller = play.connect()
        assert (await play.say(ordering(file))).status == 200

    play_batches(tmp_path, scene, Shelf(), config(more=more))


@pytest.mark.parametrize("least", range(180, 420, 20))
def test_a_file_is_as_large_when_it_is_ordered_as_when_it_was_judged(tmp_path: Path, least: int) -> None:
    more = MORE.replace("mask:", f"when: {{size: {{at_least: {least}B}}}}, mask:")

    async def scene(play: Play) -> None:
        assert await order(play, await upload(play, line("hello")))

    play_batches(tmp_path, scene, Shelf(), config(more=more))


def test_what_a_file_holds_is_a_circumstance_of_its_order(tmp_path: Path) -> None:
    when = "when: {tools: true, not_network: [home]}"
    more = f'  - {{name: tools, effect: deny, who: {{ids: ["*"]}}, may: [infer], models: ["*"], {when}}}\n'

    async def scene(play: Play) -> None:
        plain = await upload(play, line("hello"))
        armed = await upload(play, line("hello", tools=[TOOL]))
        for file, status in ((plain, 200), (armed, 403)):
            play.wire, play.caller = play.connect()
            play.caller._address = "198.51.100.1"
            assert (await play.say(ordering(file))).status == status

    play_batches(tmp_path, scene, Shelf(), config(more=more + "networks: {home: [192.0.2.0/24]}\n"))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("targets: [local, spare]", "targets: [spare]", "no_target_left"),
        ("127.0.0.1:9", "127.0.0.3:9", "no_target_left"),
        ("may: [infer, read, files, batches]", "may: [infer, read]", "operation_denied"),
        ("may: [infer, read, files, batches]", "may: [read, embeddings, files, batches]", "operation_denied"),
        ("models: [small, other]", "models: [other]", "model_denied"),
    ],
)
def test_what_was_left_is_used_under_the_policies_of_today(tmp_path: Path, old: str, new: str, code: str) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        batch = await order(play, file)
        told = (await ask(play, b"GET", f"/v1/batches/{batch}")).json
        before = len(shelf.asked)
        play.plane.snapshot = snapshot_of(config().replace(old, new, 1))
        for method, path in (
            (b"GET", f"/v1/batches/{batch}"),
            (b"POST", f"/v1/batches/{batch}/cancel"),
            (b"GET", f"/v1/files/{file}"),
            (b"DELETE", f"/v1/files/{file}"),
            (b"GET", f"/v1/files/{told['output_file_id']}/content"),
        ):
            assert (await ask(play, method, path)).code == code, path
        play.wire, play.caller = play.connect()
        assert (await play.say(ordering(file))).code == code
        assert len(shelf.asked) == before

    play_batches(tmp_path, scene, shelf)


def test_a_model_that_is_gone_takes_its_files_along(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        file = await upload(play, line("hello", model="other"))
        text = config().replace("  other:", "  another:").replace("[small, other]", "[small, another]")
        play.plane.snapshot = snapshot_of(text)
        assert (await ask(play, b"GET", f"/v1/files/{file}")).code == "model_denied"

    play_batches(tmp_path, scene, Shelf())


def test_a_narrowed_route_leaves_no_way_to_another_server(tmp_path: Path) -> None:
    more = '  - {name: away, effect: restrict, who: {ids: ["*"]}, may: [chat], models: [small], route: [spare]}\n'

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        play.plane.snapshot = snapshot_of(config(more=more))
        assert (await ask(play, b"GET", f"/v1/files/{file}/content")).code == "no_target_left"

    play_batches(tmp_path, scene, Shelf())


def test_a_shadow_judges_what_it_would_have_granted(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.plane.shadow = snapshot_of(config(more=MORE))
        file = await upload(play, line("hello"))
        await order(play, file)
        for record in closed_of(play):
            assert record["shadow"]["changed"] == ["mask_request", "mask_response"], record["operation"]
        play.plane.shadow = snapshot_of(config() + "audit: {segment: 32MiB}\n")
        await ask(play, b"GET", f"/v1/files/{file}")
        assert "shadow" not in closed_of(play)[-1]

    play_batches(tmp_path, scene, Shelf())


REGIONS = """
regions:
  frankfurt: {jurisdiction: EU}
  virginia: {jurisdiction: US}
residency: {here: frankfurt, keep_in: {email: [EU]}}
"""
PLACED = config().replace("127.0.0.1:9", "127.0.0.1:9", 1).replace('9", cred', '9", region: virginia, cred')
PLACED = PLACED.replace('0.2:9"}', '0.2:9", region: frankfurt}') + REGIONS


@pytest.mark.parametrize(("away", "sent"), [("", MASKED), ("local", SECRET)])
def test_a_server_outside_gets_files_without_what_may_not_leave(tmp_path: Path, away: str, sent: str) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        play.server.refuses = {away}
        file = await upload(play, line(SECRET), line("hello", 2))
        texts = [json.loads(one)["body"]["messages"][0]["content"] for one in shelf.files["file-0001"].splitlines()]
        assert texts == [sent, "hello"]
        assert (await ask(play, b"GET", f"/v1/files/{file}")).status == 200

    play_batches(tmp_path, scene, shelf, PLACED)


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()
PICTURE: Any = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
FAR = PLACED.replace("region: frankfurt", "region: virginia")


@pytest.mark.parametrize("number", [2, 400])
def test_a_file_that_is_not_all_text_goes_to_a_server_of_the_region(tmp_path: Path, number: int) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        lines = [line("hello" * 40, index) for index in range(1, number)]
        play.caller.data_received(uploading(form(lines_of(*lines, line(PICTURE, number)))))
        await play.turn(200)
        assert Answer(play.wire.written).status == 200
        assert closed_of(play)[-1]["target"] == "spare"
        assert len(shelf.files["file-0001"].splitlines()) == number

    play_batches(tmp_path, scene, shelf, PLACED)


def test_a_file_that_is_not_all_text_is_denied_where_every_server_is_outside(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        answer = await play.say(uploading(form(lines_of(line("hello"), line(PICTURE, 2)))))
        assert (answer.status, answer.code) == (400, "content_unreadable")
        assert [(record["kind"], record["decision"]) for record in play.records] == [("closed", "denied")]
        assert not shelf.asked

    play_batches(tmp_path, scene, shelf, FAR)


@pytest.mark.parametrize("text", [PLACED, config()])
def test_a_shadow_knows_that_a_file_is_not_all_text(tmp_path: Path, text: str) -> None:
    async def scene(play: Play) -> None:
        play.plane.shadow = snapshot_of(FAR)
        await upload(play, line("hello"), line(PICTURE, 2))
        shadow = closed_of(play)[-1]["shadow"]
        assert (shadow["would"], shadow["reason"]) == ("deny", "content_unreadable")

    play_batches(tmp_path, scene, Shelf(), text)


def test_a_shadow_of_the_same_rules_would_choose_the_same_servers_for_a_file(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.plane.shadow = snapshot_of(PLACED + "audit: {segment: 32MiB}\n")
        await upload(play, line("hello"), line(PICTURE, 2))
        assert "shadow" not in closed_of(play)[-1]

    play_batches(tmp_path, scene, Shelf(), PLACED)


@pytest.mark.parametrize(
    ("operations", "models", "status"),
    [
        ((FILES, BATCHES), None, 403),
        ((CHAT, BATCHES), None, 403),
        ((CHAT, FILES, BATCHES), None, 200),
        (None, ("other",), 403),
        (None, ("small",), 200),
        (None, None, 200),
    ],
)
def test_a_narrowed_key_of_its_maker_does_what_all_of_it_allows(
    tmp_path: Path, operations: tuple[Operation, ...] | None, models: tuple[str, ...] | None, status: int
) -> None:
    key = b"gh_narrowaaaaaa_" + b"N" * 43
    record = KeyRecord(
        id="narrowaaaaaa",
        digest=digest(key_of(PEPPER), key),
        principal="alice",
        groups=("research",),
        created_at=0.0,
        operations=operations,
        models=models,
    )

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        play.plane.keys.table.put(record)
        play.wire, play.caller = play.connect()
        assert (await play.say(ordering(file, key))).status == status

    play_batches(tmp_path, scene, Shelf())
