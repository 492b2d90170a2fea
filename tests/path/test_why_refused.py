"""No server can have a request: the refusal names what, lifted alone, would leave one. All that can come together does:
what a server speaks, where it is, the route, whether it is drained, unwell or full."""

from itertools import product
from pathlib import Path

import pytest
from playbook import Play, chat, perform, post

from guardhouse.model.operation import Operation
from guardhouse.policy.question import Circumstances, Explanation, Person, Question, explain

CONFIG = """
regions: {frankfurt: {jurisdiction: EU}, virginia: {jurisdiction: US}}
residency: {here: frankfurt}
targets:
  a: {kind: A_SPEAKS, url: "http://127.0.0.1:9", region: A_REGION, capacity: {concurrent: 1, queue: {depth: 1}}}
  b: {kind: B_SPEAKS, url: "http://127.0.0.2:9", region: B_REGION, capacity: {concurrent: 1, queue: {depth: 1}}}
models:
  small: {targets: [a, b]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat], models: ["*"]}
  - {name: stays, effect: restrict, who: {ids: ["*"]}, may: [chat], models: ["*"], keep_in: {servers: KEPT}ROUTE}
"""
KEPT = '[frankfurt, "caller:region"]'  # what depends on the caller is held at run time alone, and callers have none
ORDER = ("region_denied", "no_target_left", "dialect_unsupported")
ASKED = tuple(reversed(ORDER))
STATES = ("well", "drained", "unwell", "full")


def config(speaks: tuple[bool, ...], near: tuple[bool, ...], route: str) -> str:
    text = CONFIG.replace("KEPT", KEPT).replace("ROUTE", f", route: [{route}]" if route else "")
    for name, speaking, inside in zip("AB", speaks, near, strict=True):
        text = text.replace(f"{name}_SPEAKS", "openai" if speaking else "anthropic")
        text = text.replace(f"{name}_REGION", "frankfurt" if inside else "virginia")
    return text


def expected(barred: list[set[str]], states: tuple[str, ...]) -> str:
    """The code of the refusal; empty if the request is served."""
    left = {state for bars, state in zip(barred, states, strict=True) if not bars}
    if "well" in left:
        return ""
    if left:
        return "overloaded" if "full" in left else "upstream_unavailable"
    alone = [control for control in ORDER if {control} in barred]
    if alone:
        return alone[0]
    return next(
        control for number, control in enumerate(ASKED) if all(bars & {*ASKED[: number + 1]} for bars in barred)
    )


def put(play: Play, states: tuple[str, ...]) -> None:
    plane = play.plane
    by_name = dict(zip("ab", states, strict=True))
    plane.gates.drained = {name: None for name, state in by_name.items() if state == "drained"}
    for name, state in by_name.items():
        target = plane.snapshot.targets[name]
        plane.upstreams.wards.of(target).well = state != "unwell"
        if state == "full":
            assert target.capacity is not None
            intake = plane.intakes.of(name, target.capacity, plane.snapshot.tiers)
            for _ in range(2):
                intake.enter("alice", 0, plane.loop_time())
    plane.upstreams.wards.settle()


def explained(play: Play) -> Explanation:
    """What `guardhouse policy explain` says of the same request."""
    request = Circumstances(dialect="openai")
    question = Question(
        who=Person(id="alice", groups=("research",)), may=Operation.CHAT, model="small", request=request
    )
    return explain(play.plane.snapshot, question, play.plane.now())


@pytest.mark.parametrize("route", ["", "a", "b"])
@pytest.mark.parametrize("near", list(product((True, False), repeat=2)), ids=str)
@pytest.mark.parametrize("speaks", list(product((True, False), repeat=2)), ids=str)
def test_the_reason_is_what_is_in_the_way(
    tmp_path: Path, speaks: tuple[bool, ...], near: tuple[bool, ...], route: str
) -> None:
    barred = [
        {control for control, free in zip(ASKED, (speaking, route in ("", name), inside), strict=True) if not free}
        for name, speaking, inside in zip("ab", speaks, near, strict=True)
    ]

    for number, states in enumerate(product(STATES, repeat=2)):

        async def scene(play: Play, states: tuple[str, ...] = states) -> None:
            put(play, states)
            answer = await play.say(post(chat("x")))
            code = expected(barred, states)
            assert (answer.status == 200) is (code == ""), (states, answer.body)
            if code:
                assert answer.code == code, states
                assert play.server.requests == []
            if states == ("well", "well"):
                found = explained(play)
                assert (found.reason, found.first) == (code, play.records[-1].get("target", ""))
                assert [set(server.barred) for server in found.servers] == barred

        directory = tmp_path / str(number)
        directory.mkdir()
        perform(directory, scene, config=config(speaks, near, route))
