"""Whether a fallback is told as one that may serve is whether it serves when the model itself cannot be reached."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playbook import Play, chat, perform, post

from guardhouse.model.operation import Operation
from guardhouse.policy.question import Circumstances, Explanation, Person, Question, explain

CONFIG = """
regions: {frankfurt: {jurisdiction: EU}, virginia: {jurisdiction: US}}
residency: {here: frankfurt}
targets:
  local: {kind: openai, url: "http://127.0.0.1:9", region: frankfurt}
  near: {kind: KIND, url: "http://127.0.0.2:9", region: frankfurt}
  far: {kind: openai, url: "http://127.0.0.3:9", region: FAR}
models:
  small: {targets: [local], fallback: [tiny, last], price: {input: 2 EUR/1M, output: 2 EUR/1M}, max_output: 100SMALL}
  tiny: {targets: [near], max_output: 100TINY}
  last: {targets: [far], max_output: 100LAST}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat], models: [small, tiny, last], mask: {entities: []}, EFFECT}
MORE"""
PLAIN = {"KIND": "openai", "FAR": "frankfurt", "SMALL": "", "TINY": "", "LAST": "", ", EFFECT": "", "MORE": ""}
DEAR = ", price: {input: 3 EUR/1M, output: 1 EUR/1M}"
CHEAP = ", price: {input: 1 EUR/1M, output: 2 EUR/1M}"
DENIED = '  - {name: no, effect: deny, who: {ids: ["*"]}, may: [chat], models: [tiny], when: {tools: true}}\n'
FURTHER = '  - {name: further, effect: restrict, who: {ids: ["*"]}, may: [chat], models: [MODELS], THEN}\n'
CONTRACT = '\ncontracts: {held: {version: "1.0", response: {schema: {type: object}}}}\n'
KEPT = FURTHER.replace("MODELS", "small").replace("THEN", 'keep_in: {servers: [frankfurt, "caller:region"]}')
TRIED: dict[str, dict[str, str]] = {
    "nothing is in the way": {},
    "the first speaks something else": {"KIND": "anthropic"},
    "the last stands elsewhere": {"FAR": "virginia", "KIND": "anthropic"},
    "the first costs more, and nobody counts": {"TINY": DEAR},
    "the first costs more": {"TINY": DEAR, "LAST": CHEAP, ", EFFECT": ", limits: {budget: 5 EUR/day}"},
    "both cost more": {"TINY": DEAR, "LAST": DEAR, ", EFFECT": ", limits: {budget: 5 EUR/day}"},
    "the first may take more": {
        "SMALL": ", max_input: 4000",
        "TINY": ", max_input: 8000",
        "LAST": ", max_input: 4000",
        ", EFFECT": ", limits: {budget: 500k tokens/day}",
    },
    "the first is denied with tools": {"MORE": DENIED},
    "another policy speaks of the first": {
        "MORE": FURTHER.replace("MODELS", "tiny").replace("THEN", "mask: {entities: [email]}")
    },
    "another policy speaks of what was asked for": {
        "MORE": FURTHER.replace("MODELS", "small").replace("THEN", "mask: {entities: [email]}")
    },
    "the route leaves a server of the first out": {
        "targets: [near]": "targets: [near, far]",
        ", EFFECT": ", route: [local, far]",
    },
    "the first has no tools": {"TINY": ", features: {tools: off}"},
    "neither has streams": {"TINY": ", features: {streaming: off}", "LAST": ", features: {streaming: off}"},
    "the first has a contract": {"TINY": ", contract: held", "MORE": CONTRACT},
    "the bytes are kept": {"FAR": "virginia", "KIND": "anthropic", "MORE": KEPT},
    "the last keeps its bytes": {"LAST": ", keep_in: {servers: ['caller:region']}", "KIND": "anthropic"},
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def config(said: dict[str, str]) -> str:
    text = CONFIG
    for place, words in {**PLAIN, **said}.items():
        text = text.replace(place, words)
    return text


def explained(play: Play, *, tools: bool, stream: bool) -> Explanation:
    request = Circumstances(client="192.0.2.7", dialect="openai", tools=tools, stream=stream)
    who = Person(id="alice", groups=("research",))
    question = Question(who=who, may=Operation.CHAT, model="small", request=request)
    return explain(play.plane.snapshot, question, play.plane.now())


def foreseen(found: Explanation) -> str:
    """The first fallback that may serve; empty if none."""
    for fallback in found.fallbacks:
        if not fallback.barred and any(not server.barred for server in fallback.servers):
            return fallback.model
    return ""


@pytest.mark.parametrize("tried", TRIED)
def test_what_is_told_of_fallbacks_is_what_becomes_of_a_request(tmp_path: Path, tried: str) -> None:
    for tools, stream in product((False, True), repeat=2):
        wishes: dict[str, Any] = {"tools": [TOOL]} if tools else {}

        async def scene(
            play: Play, wishes: dict[str, Any] = wishes, *, tools: bool = tools, stream: bool = stream
        ) -> None:
            found = explained(play, tools=tools, stream=stream)
            assert (found.decision, found.first) == ("allowed", "local")
            assert [fallback.model for fallback in found.fallbacks] == ["tiny", "last"]
            play.server.refuses = {"local"}
            await play.say(post(chat("x", max_tokens=5, stream=stream, **wishes)))
            closed = play.records[-1]
            assert (closed["model"] if closed.get("instead_of") else "") == foreseen(found), (tools, stream)

        directory = tmp_path / f"{tools}{stream}"
        directory.mkdir()
        perform(directory, scene, config=config(TRIED[tried]))
