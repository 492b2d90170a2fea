import hashlib
from pathlib import Path

import pytest

from guardhouse.policy.load import Loaded, load

CONFIG = """\
targets:
  local: {kind: openai, url: "http://127.0.0.1:8000"}
contracts:
  talk:
    version: "1.0"
    request: %s
models:
  small: {targets: [local], contract: talk}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat], models: ["*"]}
"""
GOOD = b'{\n "properties": {\n  "user": {"type": "string"}\n }\n}'


def read(folder: Path, content: bytes, digest: str = "", more: str = "") -> Loaded | list[str]:
    (folder / "talk.json").write_bytes(content)
    digest = digest or f"sha256:{hashlib.sha256(content).hexdigest()}"
    config = folder / "guardhouse.yaml"
    config.write_text(CONFIG % f'{{file: talk.json, digest: "{digest}"{more}}}')
    loaded = load(config, {})
    return loaded if isinstance(loaded, Loaded) else [str(problem).removeprefix(f"{folder}/") for problem in loaded]


def test_a_schema_may_stand_in_a_file(tmp_path: Path) -> None:
    loaded = read(tmp_path, GOOD)
    assert isinstance(loaded, Loaded), loaded
    contract = loaded.snapshot.models["small"].rules.contract
    assert contract is not None
    assert contract.request is not None
    assert contract.request.fault({"user": 1}) == "at /user: type"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            GOOD.replace(b"type", b"typ"),
            'talk.json:3: properties.user.typ: unknown keyword "typ"; did you mean "type"?',
        ),
        (GOOD.replace(b"string", b"strin"), "talk.json:3: properties.user.type: is no valid JSON Schema"),
        (b'{\n "a": 1,\n}', "talk.json:3: cannot be read as JSON: The first error is at byte 11."),
        (
            b'{"type": "string", "type": "null"}',
            "talk.json: cannot be read as JSON: An object in the body has a key twice.",
        ),
        (b"[]", "talk.json:1: must be a schema: a mapping, true or false"),
    ],
)
def test_what_is_wrong_with_it_is_told_with_its_own_lines(tmp_path: Path, content: bytes, said: str) -> None:
    assert read(tmp_path, content) == [said]


def test_another_content_than_the_digest_says_is_refused_and_its_digest_is_told(tmp_path: Path) -> None:
    problems = read(tmp_path, GOOD, "sha256:" + "0" * 64)
    assert isinstance(problems, list)
    (told,) = problems
    assert told.startswith(
        "guardhouse.yaml:6: contracts.talk.request.file: the file talk.json has another digest: sha256:"
    )
    assert hashlib.sha256(GOOD).hexdigest() in told


def test_a_schema_and_a_file_are_one_too_many(tmp_path: Path) -> None:
    told = read(tmp_path, GOOD, more=", schema: {}")
    assert told == ["guardhouse.yaml:6: contracts.talk.request: needs a schema or a file, not both"]


def test_a_revision_names_the_content_of_a_file(tmp_path: Path) -> None:
    one, other = read(tmp_path, GOOD), read(tmp_path, GOOD.replace(b"string", b"number"))
    assert isinstance(one, Loaded)
    assert isinstance(other, Loaded)
    assert one.snapshot.revision != other.snapshot.revision
    assert one.snapshot.models["small"] != other.snapshot.models["small"]
    again = read(tmp_path, GOOD)
    assert isinstance(again, Loaded)
    assert one.snapshot.models["small"] == again.snapshot.models["small"]
