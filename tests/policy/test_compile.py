from pathlib import Path

import pytest

from guardhouse.model.entity import NO_ENTITIES, SECRETS, Entity
from guardhouse.model.operation import Operation
from guardhouse.policy.load import Loaded, load_content

TEXT = """\
listen: {tls: {certificate: cert.pem, key: /keys/key.pem}}
state: ./state
targets:
  local: {kind: openai, url: "https://models.example/base/", credential: "${env:KEY}"}
models:
  llama-3: {targets: [local], name: meta/llama}
  qwen: {targets: [local]}
policies:
  - name: first
    who: {ids: [alice], groups: [g]}
    may: [chat]
    models: [llama-*]
    limits: {requests: 1/s}
  - name: second
    who: {ids: ["*"], groups: []}
    may: [chat, embeddings]
    models: ["*"]
    mask: {entities: [email, card], where: [response]}
    unknown_fields: refuse
""".replace(", groups: []", "")


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("certificate")
    (tmp_path / "key.pem").write_text("key")


def loaded(folder: Path, text: str = TEXT, key: str = "canary") -> Loaded:
    text = text.replace("/keys", str(folder))
    outcome = load_content(text.encode(), folder / "guardhouse.yaml", {"KEY": key})
    assert isinstance(outcome, Loaded), outcome
    return outcome


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path).settings
    assert settings.state == tmp_path / "state"
    assert settings.listen.tls is not None
    assert settings.listen.tls.certificate == tmp_path / "cert.pem"
    assert settings.listen.tls.key == tmp_path / "key.pem"


def test_names_are_resolved(tmp_path: Path) -> None:
    snapshot = loaded(tmp_path).snapshot
    target = snapshot.targets["local"]
    assert (target.scheme, target.host, target.port, target.base_path) == ("https", "models.example", 443, "/base")
    assert target.credential is not None
    assert target.credential.reveal() == "canary"
    assert snapshot.models["llama-3"].targets == (target,)
    assert snapshot.models["llama-3"].upstream_name == "meta/llama"
    assert snapshot.models["qwen"].upstream_name == "qwen"


def test_policies_are_indexed_by_whom_and_what(tmp_path: Path) -> None:
    snapshot = loaded(tmp_path).snapshot
    callers = snapshot.callers
    assert (callers.everybody, callers.ids, callers.groups) == (0b10, {"alice": 0b01}, {"g": 0b01})
    assert snapshot.operations == {Operation.CHAT: 0b11, Operation.EMBEDDINGS: 0b10}
    assert snapshot.uses == {
        "llama-3": {Operation.CHAT: 0b11, Operation.EMBEDDINGS: 0b10},
        "qwen": {Operation.CHAT: 0b10, Operation.EMBEDDINGS: 0b10},
    }


def test_masks_have_sides_and_secrets_as_default(tmp_path: Path) -> None:
    first, second = (policy.grant for policy in loaded(tmp_path).snapshot.policies)
    assert (first.mask_request, first.mask_response) == (SECRETS, SECRETS)
    assert (second.mask_request, second.mask_response) == (NO_ENTITIES, Entity.EMAIL | Entity.CARD)


def test_the_revision_is_16_hex_digits(tmp_path: Path) -> None:
    revision = loaded(tmp_path).snapshot.revision
    assert len(revision) == 16
    assert int(revision, 16) >= 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# none", "# some"),
        ("{ids: [alice], groups: [g]}", "{groups: [g], ids: [alice]}"),
        ("    may: [chat]\n", "    may:\n      - chat  # a comment\n"),
        ("state: ./state", "state: state"),
        ("1/s", "'1/s'"),
    ],
)
def test_layout_does_not_change_the_revision(old: str, new: str, tmp_path: Path) -> None:
    text = TEXT + "# none\n"
    assert old in text
    assert loaded(tmp_path, text.replace(old, new)).snapshot.revision == loaded(tmp_path).snapshot.revision


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alice", "alicia"),
        ("1/s", "2/s"),
        ("models.example", "models2.example"),
        ("meta/llama", "meta/llama2"),
        ("refuse", "pass"),
        ("[email, card]", "[email]"),
        ("${env:KEY}", "${file:cert.pem}"),
        ("state: ./state", "state: ./state2"),
        ("state: ./state", "state: ./state\naudit: {durability: power}"),
    ],
)
def test_content_does(old: str, new: str, tmp_path: Path) -> None:
    assert old in TEXT
    assert loaded(tmp_path, TEXT.replace(old, new)).snapshot.revision != loaded(tmp_path).snapshot.revision


def test_a_secret_counts_by_its_reference_only(tmp_path: Path) -> None:
    first, second = loaded(tmp_path, key="one").snapshot, loaded(tmp_path, key="two").snapshot
    assert first.revision == second.revision
    assert first.targets != second.targets
