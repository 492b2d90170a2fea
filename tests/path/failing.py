"""Three model servers of which some fail: how they are configured, asked, and what is told of it."""

from collections.abc import Callable
from typing import Any

from playbook import Play, post, reply

from guardhouse.model.bulletin import publish
from guardhouse.policy.standing import Standing

EMBEDDINGS = b"/v1/embeddings"
EMBEDDED = reply({"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
RETRYING = "upstream: {retries: {attempts: 2, pause: 1ms}}"


def config(small: str = "", more: str = "", policies: str = "", spare: str = "", upstream: str = "") -> str:
    allowed = policies or '  - {name: all, who: {ids: ["*"]}, may: [chat, embeddings], models: ["*"]}'
    return f"""
targets:
  local: {{kind: openai, url: "http://127.0.0.1:9", region: eu, breaker: {{failures: 3, pause: 1s}}}}
  other: {{kind: openai, url: "http://127.0.0.2:9", region: eu}}
  spare: {{kind: openai, url: "http://127.0.0.3:9", region: eu{spare}}}
models:
  small: {{targets: [local, other]{small}}}
  alone: {{targets: [local], fallback: tiny}}
  tiny: {{targets: [spare], name: tiny-1b}}
{more}
policies:
{allowed}
{upstream}"""


def embed(model: str = "small") -> bytes:
    return post({"model": model, "input": "x"}, path=EMBEDDINGS)


async def until(play: Play, met: Callable[[], bool]) -> None:
    """For what takes milliseconds of real time; ends with the test's own time-out otherwise."""
    while not met():
        await play.turn(1)


def news(play: Play) -> list[str]:
    return [event.name for event in play.plane.upstreams.wards.take_news(0.0)]


def attempts(closed: dict[str, Any]) -> list[tuple[str, str]]:
    return [(attempt["target"], attempt["outcome"]) for attempt in closed.get("attempts", [])]


def drain(play: Play, **drained: float | None) -> None:
    publish(play.directory / "standing.json", Standing(drained=drained))
    play.plane.gates.refresh(play.plane.loop_time())
