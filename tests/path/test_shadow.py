"""A policy on trial decides nothing; what it would have done otherwise is on the record, and only that."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playbook import ALICE, BOB, CONFIG, Play, chat, get, perform, post

from guardhouse.policy.load import Loaded, load_content

WITHOUT_SMALL = CONFIG.replace("models: [small, renamed]", "models: [renamed]").replace(
    "models: [secret-model]", "models: [secret-model, small]"
)
WITHOUT_CHAT = CONFIG.replace("may: [chat, completions,", "may: [completions,")
UNMASKED = CONFIG.replace("entities: [all]", "entities: [email]")
OTHER_LIMIT = CONFIG.replace("1000/min", "900/min")
STRICT = CONFIG.replace("limits: {requests: 1000/min", "unknown_fields: refuse\n    limits: {requests: 1000/min")
ELSEWHERE = CONFIG.replace("http://127.0.0.1:9", "http://127.0.0.3:9")
WIDE = CONFIG.replace("models: [secret-model]", "models: [secret-model, small]")
FOR_BOB = CONFIG.replace("may: [chat]", "may: [chat, embeddings]")
RENAMED = CONFIG.replace("name: others", "name: the others") + "audit: {segment: 32MiB}\n"

SMALL = post(chat("hello"))
STRANGE_FIELD = post(chat("hello", strange=1))
OF_BOB = post(chat("hello", "small"), key=BOB)
EMBEDDING_OF_BOB = post({"model": "small", "input": "x"}, path=b"/v1/embeddings", key=BOB)


def tried(config: str, request: bytes, directory: Path, scene: Callable[[Play], Awaitable[None]] | None = None) -> Any:
    """What the closed record of `request` says of `config` as the shadow."""
    seen: list[Any] = []

    async def whole(play: Play) -> None:
        loaded = load_content(config.encode(), Path("guardhouse.yaml"), {"UPSTREAM": "upstream-credential"})
        assert isinstance(loaded, Loaded), loaded
        play.plane.shadow = loaded.snapshot
        if scene is not None:
            await scene(play)
        await play.say(request)
        said = play.records[-1].get("shadow")
        if said is not None:
            assert said.pop("revision") == loaded.snapshot.revision != play.records[-1]["revision"]
        seen.append(said)

    perform(directory, whole)
    return seen[0]


@pytest.mark.parametrize(
    ("config", "request_", "said"),
    [
        (WITHOUT_SMALL, SMALL, {"would": "deny", "reason": "model_denied"}),
        (WITHOUT_CHAT, SMALL, {"would": "deny", "reason": "operation_denied"}),
        (STRICT, STRANGE_FIELD, {"would": "deny", "reason": "field_forbidden"}),
        (WIDE, OF_BOB, {"would": "allow"}),
        (FOR_BOB, EMBEDDING_OF_BOB, {"would": "allow"}),
        (UNMASKED, SMALL, {"would": "change", "changed": ["mask_request", "mask_response"]}),
        (OTHER_LIMIT, SMALL, {"would": "change", "changed": ["limits"]}),
        (STRICT, SMALL, {"would": "change", "changed": ["refuse_unknown_fields"]}),
        (ELSEWHERE, SMALL, {"would": "change", "changed": ["model"]}),
    ],
)
def test_a_difference_is_on_the_record(tmp_path: Path, config: str, request_: bytes, said: dict[str, Any]) -> None:
    assert tried(config, request_, tmp_path) == said


@pytest.mark.parametrize("request_", [SMALL, OF_BOB, EMBEDDING_OF_BOB, get(b"/v1/models"), post(b"{", key=ALICE)])
def test_where_both_say_the_same_nothing_is_said(tmp_path: Path, request_: bytes) -> None:
    assert tried(RENAMED, request_, tmp_path) is None


def test_what_is_refused_for_another_reason_is_not_the_shadow_s_business(tmp_path: Path) -> None:
    assert tried(WITHOUT_SMALL, post(b"{"), tmp_path) is None
    assert tried(WITHOUT_CHAT, post(chat("x"), key=None), tmp_path) is None


def test_the_request_is_decided_as_without_it(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(SMALL)).status == 200

    said = tried(WITHOUT_CHAT, SMALL, tmp_path, scene)
    assert said["would"] == "deny"


def test_a_shadow_that_fails_leaves_the_request_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(play: Play) -> None:
        assert play.plane.shadow is not None
        play.plane.shadow = msgspec.structs.replace(play.plane.shadow, operations=None)  # unlike any that loads
        assert (await play.say(SMALL)).status == 200

    assert tried(WITHOUT_SMALL, SMALL, tmp_path, scene) is None
    assert re.search(r"the shadow [0-9a-f]{16} failed: (Attribute|Type)Error", caplog.text)
