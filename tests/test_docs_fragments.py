"""Every piece of a configuration that a page shows fits the published schema, whether or not it is a whole one."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from guardhouse.policy.published import json_schema

ROOT = Path(__file__).parent.parent
SECTIONS: dict[str, Any] = json_schema()["properties"]
FRAGMENTS = [
    pytest.param(fragment, id=f"{page.name}-{number}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for number, fragment in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
    if fragment.startswith("  - name: ") or not fragment.startswith(" ")  # others stand deeper, wherever that is
]


def sections_of(fragment: str) -> dict[str, Any]:
    document = yaml.safe_load(fragment)
    return {"policies": document} if isinstance(document, list) else document


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_a_fragment_fits_the_schema(fragment: str) -> None:
    sections = sections_of(fragment)
    if "cases" in sections:
        return  # a file of its own, for `guardhouse policy test`
    assert sections.keys() <= SECTIONS.keys()
    faults = [
        f"{name}: {fault.json_path}: {fault.message}"
        for name, content in sections.items()
        for fault in Draft202012Validator(SECTIONS[name]).iter_errors(content)
    ]
    assert faults == []


def test_a_fragment_that_does_not_fit_is_found() -> None:
    (policies,) = sections_of("  - {name: x, who: {groups: [g], strength: [strong]}, may: [keys.read]}").values()
    assert [fault.json_path for fault in Draft202012Validator(SECTIONS["policies"]).iter_errors(policies)] == [
        "$[0].who.strength"
    ]
