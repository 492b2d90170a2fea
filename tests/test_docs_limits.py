"""The examples of docs/limits.md, put together, are a configuration that loads."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from guardhouse.limits.capacity import Adaptive
from guardhouse.model.reason import Reason
from guardhouse.policy.load import Loaded, load

PAGE = (Path(__file__).parent.parent / "docs" / "limits.md").read_text()


def test_the_examples_together_are_a_sound_configuration(tmp_path: Path) -> None:
    document: dict[str, Any] = {}
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[:2]:  # the third is about a store
        for section, content in yaml.safe_load(block).items():
            if isinstance(content, dict):
                for name, entry in content.items():
                    document.setdefault(section, {}).setdefault(name, {}).update(entry)
            else:
                document[section] = content
    document["models"]["small"] = {**document["models"]["large"]}
    del document["models"]["small"]["fallback"]
    document["policies"][0]["models"].append("small")
    path = tmp_path / "guardhouse.yaml"
    path.write_text(json.dumps(document))  # which is YAML, and has no aliases
    loaded = load(path)
    assert isinstance(loaded, Loaded), loaded
    capacity = loaded.snapshot.targets["gpu"].capacity
    assert capacity is not None
    assert capacity.adaptive == Adaptive(latency=5.0, floor=4)
    assert [tier.name for tier in loaded.snapshot.tiers] == ["essential", "standard", "background"]


def test_the_refusal_that_is_shown_is_one_that_is_given() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    error = json.loads(shown)["error"]
    assert error["code"] == Reason.BUDGET_EXHAUSTED.code
    assert error["message"].startswith(Reason.BUDGET_EXHAUSTED.message)
