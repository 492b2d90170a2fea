"""Which servers may have an exchange, and what becomes of one that none may have."""

from pathlib import Path

import msgspec
from playbook import BOB, Play, chat, perform, post

from guardhouse.residency.bounds import Residency
from guardhouse.residency.keeping import CONTENT, Requirement
from guardhouse.residency.regions import Regions

CONFIG = """
regions:
  frankfurt: {jurisdiction: EU}
  virginia: {jurisdiction: US}
residency: {here: frankfurt}
targets:
  eu: {kind: openai, url: "http://127.0.0.1:9", region: frankfurt}
  us: {kind: openai, url: "http://127.0.0.2:9", region: virginia}
  nowhere: {kind: openai, url: "http://127.0.0.3:9"}
models:
  small: {targets: [us, eu, nowhere]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [infer], models: ["*"]}
  - {name: stays, effect: restrict, who: {groups: [research]}, may: [infer], models: ["*"], EFFECT}
"""
STAYS = CONFIG.replace("EFFECT", 'keep_in: [EU], route: ["region:EU"]')
OWN = CONFIG.replace("EFFECT", 'keep_in: {servers: ["caller:region"]}')
HELD = CONFIG.replace("EFFECT", 'keep_in: {content: ["caller:region"]}')


def test_whom_a_rule_speaks_of_is_served_in_its_region_only(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("hello")))).status == 200
        opened, closed = play.records
        assert opened["target"] == closed["target"] == "eu"
        assert opened["region"] == closed["region"] == "frankfurt"
        assert closed["kept"] == {"by": ["policy stays"], "within": ["frankfurt"]}

    perform(tmp_path, scene, config=STAYS)


def test_all_others_have_the_preferred_server(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("hello"), key=BOB))).status == 200
        assert play.records[1]["target"] == "us"
        assert "kept" not in play.records[1]

    perform(tmp_path, scene, config=STAYS)


def test_traffic_of_a_region_fails_rather_than_leaves(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"eu"}
        answer = await play.say(post(chat("hello")))
        assert (answer.status, answer.code) == (502, "upstream_unreachable")
        assert play.server.requests == []

    perform(tmp_path, scene, config=STAYS)


def test_the_rule_holds_where_no_route_and_no_check_has_seen_to_it(tmp_path: Path) -> None:
    """The second line by itself: a snapshot whose configuration would have been refused."""

    async def scene(play: Play) -> None:
        snapshot = play.plane.snapshot
        everywhere = (Requirement(CONTENT, frozenset({"frankfurt"}), (), "residency"),)
        regions = Regions({"frankfurt": "EU", "virginia": "US"})
        labels = {target.name: target.region for target in snapshot.targets.values()}
        residency = Residency(regions, labels, (), everywhere)
        play.plane.snapshot = msgspec.structs.replace(snapshot, residency=residency)
        play.server.refuses = {"eu"}
        assert (await play.say(post(chat("hello"), key=BOB))).code == "upstream_unreachable"
        play.server.refuses = set()
        assert (await play.say(post(chat("hello"), key=BOB))).status == 200
        assert [record["target"] for record in play.records if record["kind"] == "opened"] == ["eu", "eu"]

    perform(tmp_path, scene, config=STAYS)


def test_a_caller_without_a_region_is_served_nowhere(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hello")))
        assert (answer.status, answer.code) == (403, "region_denied")
        assert play.records[0]["kept"] == {"by": ["policy stays"]}
        assert play.server.requests == []

    perform(tmp_path, scene, config=OWN)


def test_a_caller_is_served_where_its_attribute_says(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for said, went in (("EU", "eu"), ("virginia", "us"), ("nowhere", "")):
            snapshot = play.plane.snapshot
            residency = snapshot.residency
            assert residency is not None
            bounds = residency.bounds(snapshot.policies[1].grant.keep, {"region": frozenset({said})})
            assert bounds is not None
            assert sorted(bounds.targets) == ([went] if went else [])

    perform(tmp_path, scene, config=OWN)


def test_what_the_gateway_may_not_hold_itself_is_denied_by_name(tmp_path: Path) -> None:
    """A caller of the other jurisdiction: its content would be in the memory of a gateway that is here."""

    async def scene(play: Play) -> None:
        snapshot = play.plane.snapshot
        assert snapshot.residency is not None
        bounds = snapshot.residency.bounds(snapshot.policies[1].grant.keep, {"region": frozenset({"US"})})
        assert bounds is not None
        assert bounds.misplaced == "this gateway"
        assert bounds.targets == frozenset()

    perform(tmp_path, scene, config=HELD)
