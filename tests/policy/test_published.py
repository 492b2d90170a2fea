from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from guardhouse.cli.init import CONFIGURATION
from guardhouse.policy.published import FILE, json_schema, rendered

GOLDEN = Path(__file__).parent.parent / "golden"
DOCS = Path(__file__).parent.parent.parent / "docs" / "configuration.md"
CASES = {path.stem: path.read_text().split("----------\n") for path in GOLDEN.glob("*.txt")}
GOOD = {name: given for name, (given, told) in CASES.items() if told.startswith("listen")}

# what one value by itself shows to be wrong; whatever needs a second look is left to `guardhouse check`
WRONG_BY_THEMSELVES = [
    "bad-figures",
    "empty-sections",
    "literal-credential",
    "missing-sections",
    "names",
    "not-a-mapping",
    "unknown-entity-and-side",
    "unknown-keys",
    "unknown-operation",
    "version-unknown",
    "wrong-types",
]


def valid(document: Any) -> bool:
    return bool(Draft202012Validator(json_schema()).is_valid(document))


def objects(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every mapping with fixed keys in the schema, with the path that leads there; names and numbers as `*`.

    Bundles have keys of policies, and are left out.
    """
    if path == ("bundles", "*"):
        return
    if "properties" in schema:
        yield path, schema
        for name, inner in schema["properties"].items():
            yield from objects(inner, (*path, name))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from objects(schema["additionalProperties"], (*path, "*"))
    if "items" in schema:
        yield from objects(schema["items"], (*path, "*"))


def test_the_schema_is_one_itself() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_published_file_is_the_decoders_own() -> None:
    assert FILE.read_bytes() == rendered(), "renew it with python -m guardhouse.policy.published"


@pytest.mark.parametrize("case", sorted(GOOD))
def test_what_loads_is_valid(case: str) -> None:
    assert valid(yaml.safe_load(GOOD[case]))


def test_the_first_configuration_is_valid() -> None:
    assert valid(yaml.safe_load(CONFIGURATION))


@pytest.mark.parametrize("case", WRONG_BY_THEMSELVES)
def test_what_is_wrong_by_itself_is_invalid(case: str) -> None:
    assert not valid(yaml.safe_load(CASES[case][0]))


def places(document: Any) -> Iterator[dict[str, Any]]:
    """Every mapping with fixed keys in a document; those of `targets` and `models` have names for keys."""
    yield document
    for name, value in document.items():
        named = name in {"targets", "models"} and isinstance(value, dict)
        for entry in value.values() if named else value if isinstance(value, list) else [value]:
            if isinstance(entry, dict):
                yield from places(entry)


def test_an_unknown_key_is_invalid_wherever_it_stands() -> None:
    document = yaml.safe_load(GOOD["whole-vocabulary"])
    seen = 0
    for place in places(document):
        place["surprise"] = 1
        assert not valid(document), place
        del place["surprise"]
        seen += 1
    assert valid(document)
    assert seen >= 13


def test_the_keys_of_a_bundle_are_those_of_a_policy() -> None:
    schema = json_schema()["properties"]
    policy, bundle = (schema[name] for name in ("policies", "bundles"))
    keys = bundle["additionalProperties"]["properties"]
    assert keys
    assert {name: policy["items"]["properties"][name] for name in keys} == keys


def test_every_key_is_described_in_the_schema() -> None:
    for path, schema in objects(json_schema()):
        for name, inner in schema["properties"].items():
            assert inner["description"].endswith((".", "}")), (*path, name)


def shown(value: Any) -> str:
    """A default as the page writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def test_the_page_has_every_key_with_its_default_and_no_other() -> None:
    """A row of the page is | `key` | default | meaning |, under the heading of the mapping that it stands in."""
    documented: dict[str, str] = {}
    section = ""
    for line in DOCS.read_text().splitlines():
        if line.startswith("#"):
            section = line.strip("# `")
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            documented[f"{section} {cells[0].strip('`')}"] = cells[1].strip("`")
    expected: dict[str, str] = {}
    for path, schema in objects(json_schema()):
        heading = ".".join(path).replace(".*", "[]") or "Top level"
        for name, inner in schema["properties"].items():
            default = "required" if name in schema.get("required", []) else shown(inner.get("default", "—"))
            expected[f"{heading} {name}"] = default
    assert documented == expected
