"""What is published is what was read; what cannot be had when it is taken is told by its place."""

from pathlib import Path

import msgspec
import pytest

from guardhouse.policy.edition import Canary, Edition, InForce, in_force, seal, settings_of, settings_served, unseal
from guardhouse.policy.load import Loaded, load_content
from guardhouse.policy.schema import decode
from guardhouse.policy.shares import NO_SHARES
from guardhouse.policy.source import parse

GOLDEN = Path(__file__).parent.parent / "golden"
DIVIDER = "----------\n"
TEXT = """\
version: 1
targets: {{local: {{kind: openai, url: "http://127.0.0.1:9", credential: "${{env:{secret}}}"}}}}
models: {{tiny: {{targets: [local]}}}}
policies: [{{name: all, who: {{groups: [research]}}, may: [chat], models: [tiny]}}]
"""


def loaded(tmp_path: Path, secret: str) -> Loaded:
    read = load_content(TEXT.format(secret=secret).encode(), tmp_path / "guardhouse.yaml", {secret: "made-up"})
    assert isinstance(read, Loaded)
    return read


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_every_document_survives_being_sealed(path: Path) -> None:
    text = path.read_text().partition(DIVIDER)[0]
    document = decode(parse(text.encode(), "guardhouse.yaml").root, "guardhouse.yaml").document
    if document is not None:
        sealed = seal(document)
        again = unseal(msgspec.json.decode(msgspec.json.encode(sealed), type=type(sealed)))
        assert again == document
        assert seal(again) == sealed


def test_a_process_makes_of_an_edition_what_loading_the_file_makes(tmp_path: Path) -> None:
    read = loaded(tmp_path, "ONE")
    sealed = seal(read.document)
    edition = Edition(at=1.0, base=str(tmp_path), started=sealed, active=sealed)
    policy = in_force(edition, {"ONE": "made-up"}, NO_SHARES)
    assert isinstance(policy, InForce)
    assert (policy.snapshot.revision, policy.shadow, policy.canary) == (read.snapshot.revision, None, None)
    assert settings_of(edition) == read.settings
    assert b"made-up" not in msgspec.json.encode(edition)


def test_an_active_revision_without_its_secret_is_a_problem_with_a_place(tmp_path: Path) -> None:
    sealed = seal(loaded(tmp_path, "ONE").document)
    said = in_force(Edition(at=1.0, base=str(tmp_path), started=sealed, active=sealed), {}, NO_SHARES)
    assert isinstance(said, tuple)
    assert [str(problem) for problem in said] == ["targets.local.credential: the environment variable ONE is not set"]


def test_a_candidate_without_its_secret_is_left_out_and_the_rest_stands(tmp_path: Path) -> None:
    one, two = (seal(loaded(tmp_path, secret).document) for secret in ("ONE", "TWO"))
    edition = Edition(at=1.0, base=str(tmp_path), started=one, active=one, shadow=two, canary=Canary(two, 10.0))
    policy = in_force(edition, {"ONE": "made-up"}, NO_SHARES)
    assert isinstance(policy, InForce)
    assert (policy.snapshot.revision, policy.shadow, policy.canary) == (one.revision, None, None)
    assert [problem.path for problem in policy.left_out] == ["targets.local.credential"] * 2
    whole = in_force(edition, {"ONE": "made-up", "TWO": "made-up"}, NO_SHARES)
    assert isinstance(whole, InForce)
    assert whole.shadow is not None
    assert whole.shadow.revision == two.revision
    assert whole.share == 10.0


def test_ports_that_were_found_are_served_and_are_no_change_of_the_settings(tmp_path: Path) -> None:
    listen = 'listen: {address: "127.0.0.1:0", grpc: {address: "[::1]:0"}}\n'
    content = listen + TEXT.format(secret="ONE")
    read = load_content(content.encode(), tmp_path / "guardhouse.yaml", {"ONE": "made-up"})
    assert isinstance(read, Loaded)
    sealed = seal(read.document)
    edition = Edition(at=1.0, base=str(tmp_path), started=sealed, active=sealed, ports={"listen": 7001, "grpc": 7002})
    served = settings_served(edition)
    assert str(served.listen.address) == "127.0.0.1:7001"
    assert served.listen.grpc is not None
    assert str(served.listen.grpc.address) == "[::1]:7002"
    assert served.admin == read.settings.admin
    assert settings_of(edition) == read.settings
