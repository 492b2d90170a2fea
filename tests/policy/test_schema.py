from pathlib import Path

import msgspec

from guardhouse.model.entity import SECRETS
from guardhouse.model.operation import Operation
from guardhouse.policy.document import Document, PolicyEntry
from guardhouse.policy.schema import Decoded, decode
from guardhouse.policy.sections.effects import Mask
from guardhouse.policy.sections.who import Who
from guardhouse.policy.settings import Address, Settings, UserLabel
from guardhouse.policy.source import parse

LEAST = """\
targets: {local: {kind: openai, url: "http://127.0.0.1:8000"}}
models: {small: {targets: [local]}}
policies: [{name: p, who: {ids: [alice]}, may: [chat], models: [small]}]
"""


def decoded(text: str) -> Decoded:
    return decode(parse(text.encode(), "f").root, "f")


def document(text: str) -> Document:
    outcome = decoded(text)
    assert outcome.problems == ()
    assert outcome.document is not None
    return outcome.document


def test_everything_but_targets_models_and_policies_has_a_default() -> None:
    read = document(LEAST)
    required = {"targets", "models", "policies"}
    for field in msgspec.structs.fields(Document):
        assert field.required == (field.name in required)
        if not field.required:
            made = field.default_factory
            default = field.default if made is msgspec.NODEFAULT else made()
            assert getattr(read, field.name) == default


def test_the_defaults_are_the_promised_ones() -> None:
    settings = Settings()
    assert settings.listen.address == Address("127.0.0.1", 8080)
    assert settings.admin.address == Address("127.0.0.1", 9090)
    assert settings.listen.tls is None
    assert not settings.listen.plaintext
    assert not settings.admin.exposed
    assert settings.listen.limits.body == 32 * 1024 * 1024
    assert settings.upstream.first_byte == 120.0
    assert settings.state == Path("guardhouse-state")
    assert settings.workers == 1
    assert settings.metrics.user == UserLabel("id")
    assert Mask() == Mask(entities=(SECRETS,), where=("request", "response"))


def test_a_policy_is_read_whole() -> None:
    assert document(LEAST).policies == (
        PolicyEntry(name="p", who=Who(ids=("alice",)), may=(Operation.CHAT,), models=("small",)),
    )


def test_a_group_of_settings_that_cannot_be_read_stands_at_its_defaults_for_the_checks() -> None:
    outcome = decoded(LEAST + "listen: {address: 5}\nworkers: 3\n")
    assert len(outcome.problems) == 1
    assert outcome.document is not None
    assert outcome.document.listen == Settings().listen
    assert outcome.document.workers == 3


def test_without_one_of_the_three_there_is_nothing_to_check() -> None:
    assert decoded(LEAST.replace("models: {small", "modles: {small")).document is None
    assert decoded(LEAST.replace("models: {small: {targets: [local]}}", "models: 3")).document is None
    assert decoded("[]").document is None


def test_elements_that_cannot_be_read_are_named() -> None:
    outcome = decoded(LEAST.replace("chat", "chatt"))
    assert outcome.unread == {("policies", 0), ("policies", 0, "may", 0)}
    assert outcome.document is not None
    assert outcome.document.policies == ()
