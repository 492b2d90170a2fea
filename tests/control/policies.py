"""Configurations for the tests of how the policy changes: the same but for the model that they allow."""

from pathlib import Path

from guardhouse.policy.load import Loaded, load_content

ENVIRON = {"UPSTREAM": "made-up"}


def text(model: str, *, secret: str = "UPSTREAM", extra: str = "") -> bytes:
    return f"""\
version: 1
state: ./state
{extra}
targets: {{local: {{kind: openai, url: "http://127.0.0.1:9", credential: "${{env:{secret}}}"}}}}
models: {{{model}: {{targets: [local]}}}}
policies: [{{name: all, who: {{groups: [research]}}, may: [chat], models: [{model}]}}]
""".encode()


def loaded(content: bytes, config: Path) -> Loaded:
    read = load_content(content, config, ENVIRON)
    assert isinstance(read, Loaded), read
    return read


def revision_of(content: bytes) -> str:
    environ = {**ENVIRON, "MISSING": "made-up"}
    read = load_content(content, Path("guardhouse.yaml"), environ)
    assert isinstance(read, Loaded), read
    return read.snapshot.revision
