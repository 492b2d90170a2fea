"""Another model in the place of one that cannot be reached: which, for whom, and under which rules."""

from pathlib import Path

import pytest
from failing import attempts, config
from playbook import ALICE, BOB, Play, chat, perform, post

OTHER_REGION = config(spare="").replace('127.0.0.3:9", region: eu', '127.0.0.3:9", region: us')
NARROW = """  - {name: most, who: {ids: ["*"]}, may: [chat], models: [small, alone]}
  - {name: bob, who: {ids: [bob]}, may: [chat], models: [tiny]}"""
OTHERWISE = """  - {name: most, who: {ids: ["*"]}, may: [chat], models: [small, alone]}
  - {name: masked, who: {ids: ["*"]}, may: [chat], models: [tiny], mask: {entities: [all]}}"""
DENYING = """  - {name: most, who: {ids: ["*"]}, may: [chat], models: [small, alone, tiny]}
  - {name: no tools there, effect: deny, who: {ids: ["*"]}, may: [chat], models: [tiny], when: {tools: true}}"""


def test_a_model_that_cannot_be_reached_has_its_fallback_under_the_fallback_s_name(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        for _ in range(5):
            assert (await play.say(post(chat("x", "alone")))).status == 200
            closed = play.records[-1]
            assert (closed["model"], closed["instead_of"], closed["target"]) == ("tiny", "alone", "spare")
            assert play.server.document()["model"] == "tiny-1b"
        assert play.plane.upstreams.wards.calm is False

    perform(tmp_path, scene, None, config())


def test_a_chain_of_fallbacks_is_gone_down_in_its_order(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local", "spare"}
        assert (await play.say(post(chat("x", "chained")))).status == 200
        closed = play.records[-1]
        assert (closed["model"], closed["instead_of"]) == ("last", "chained")
        assert attempts(closed) == [
            ("local", "upstream_unreachable"),
            ("spare", "upstream_unreachable"),
            ("other", "completed"),
        ]

    more = "  chained: {targets: [local], fallback: [tiny, last]}\n  last: {targets: [other]}"
    perform(tmp_path, scene, None, config(more=more))


@pytest.mark.parametrize(
    "document",
    [OTHER_REGION, config(policies=NARROW), config(policies=OTHERWISE)],
    ids=["another region", "not allowed", "allowed by another policy"],
)
def test_a_fallback_beyond_the_policy_or_the_region_is_not_taken(tmp_path: Path, document: str) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        codes = [(await play.say(post(chat("x", "alone"), key=ALICE))).code for _ in range(5)]
        assert codes == ["upstream_unreachable"] * 3 + ["upstream_unavailable"] * 2
        assert play.server.requests == []
        assert (await play.say(post(chat("x", "alone"), key=BOB))).status == 503

    perform(tmp_path, scene, None, document)


def test_a_fallback_is_judged_by_what_stands_in_the_request(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        assert (await play.say(post(chat("x", "alone", tools=[tool])))).code == "upstream_unreachable"
        assert (await play.say(post(chat("x", "alone")))).status == 200
        assert play.records[-1]["model"] == "tiny"
        assert (await play.say(post(chat("x", "alone", tools=[tool])))).code == "upstream_unreachable"
        assert (await play.say(post(chat("x", "alone", tools=[tool])))).code == "upstream_unavailable"

    perform(tmp_path, scene, None, config(policies=DENYING))


@pytest.mark.parametrize("rule", ["{set: true}", "{default: true}"])
def test_a_fallback_that_must_be_told_something_gets_no_request_without_it(tmp_path: Path, rule: str) -> None:
    document = config().replace("name: tiny-1b", f"name: tiny-1b, parameters: {{rules: {{safe_prompt: {rule}}}}}")

    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        assert (await play.say(post(chat("x", "alone")))).code == "upstream_unreachable"
        assert (await play.say(post(chat("x", "alone", safe_prompt=True)))).status == 200

    perform(tmp_path, scene, None, document)


def test_a_stream_that_fell_back_still_hides_the_usage_that_the_gateway_asked_for(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        exchanges = await play.say(post(chat("x", "alone", stream=True)))
        assert exchanges.status == 200
        assert play.server.document()["stream_options"] == {"include_usage": True}
        assert play.server.document()["model"] == "tiny-1b"

    perform(tmp_path, scene, None, config())
