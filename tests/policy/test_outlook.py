"""A question is told where its use would go and what it is held to, and what the question cannot tell."""

from pathlib import Path
from typing import Any

import pytest

from guardhouse.model.operation import Operation
from guardhouse.policy.load import Loaded, load_content
from guardhouse.policy.question import Circumstances, Explanation, Person, Question, explain

CONFIG = """
regions: {frankfurt: {jurisdiction: EU}, virginia: {jurisdiction: US}}
residency: {here: frankfurt}
targets:
  eu: {kind: openai, url: "http://127.0.0.1:1", region: frankfurt}
  us: {kind: ollama, url: "http://127.0.0.2:1", region: virginia}
models:
  small: {targets: [us, eu], aliases: [tiny], version: "3", name: meta/small, RULES}
policies:
  - {name: all, who: {ids: ["*"]}, may: [infer, read], models: ["*"], mask: {entities: []}}
"""
MORE = """  - {name: more, effect: restrict, who: {ids: ["*"]}, may: [chat], models: ["*"], EFFECT}
"""
NOW = 1_800_000_000.0
MOMENT = "which servers are well, drained or busy, and what operators have suspended, closed or capped"
DOCUMENT = "whether its fields, parameters, sizes, media and URLs are taken: that is for the document to show"
LIMITS = "how much of its limits is used up, and whether the request is larger than one of them"
TEXTS = "whether parts of it are no text, which would be refused or leave fewer servers"
API = "the API that it comes by: servers count whatever they speak (dialect)"


def asked(
    effect: str = "",
    rules: str = "",
    more: str = "",
    who: Person | None = None,
    model: str = "small",
    **request: Any,
) -> Explanation:
    text = CONFIG.replace(", RULES", f", {rules}" if rules else "") + (MORE.replace("EFFECT", effect) if effect else "")
    loaded = load_content((text + more).encode(), Path("guardhouse.yaml"), {})
    assert isinstance(loaded, Loaded), loaded
    question = Question(
        who=who or Person(id="alice"), may=Operation.CHAT, model=model, request=Circumstances(**request)
    )
    return explain(loaded.snapshot, question, NOW)


def barred(found: Explanation) -> dict[str, tuple[str, ...]]:
    return {server.name: server.barred for server in found.servers}


def test_an_alias_is_answered_for_its_model_by_all_its_names() -> None:
    for name in ("small", "tiny", "small@3"):
        found = asked(model=name)
        assert (found.decision, found.model, found.version, found.sent) == ("allowed", "small", "3", "meta/small")


def test_the_server_that_is_asked_first_speaks_the_dialect() -> None:
    assert asked(dialect="ollama").first == asked(dialect="openai").first == "us"
    assert (asked().first, asked().untold) == ("", (API, DOCUMENT, MOMENT))
    assert asked(dialect="openai").untold == (DOCUMENT, MOMENT)
    found = asked(dialect="anthropic")
    assert (found.decision, found.reason, found.first) == ("denied", "dialect_unsupported", "")


@pytest.mark.parametrize(
    ("choose", "by"),
    [
        ("choose: weighted", "chance and weight"),
        ("choose: least_pending", "what is under way with each"),
        ("choose: sticky, sticky_by: user", "the session, which goes by user"),
    ],
)
def test_a_choice_that_depends_on_more_is_not_told(choose: str, by: str) -> None:
    found = asked(rules=choose, dialect="openai")
    assert (found.first, found.untold[0]) == ("", f"which server is asked first: they are chosen by {by}")
    assert asked(rules=choose, dialect="ollama").first == "us"


def test_rules_of_residency_are_told_with_what_falls_away() -> None:
    found = asked("keep_in: [EU], route: ['region:EU']", dialect="openai")
    assert found.kept is not None
    assert (found.kept.by, found.kept.within) == (("policy more",), ("frankfurt",))
    assert barred(found) == {"us": ("no_target_left", "region_denied"), "eu": ()}
    assert (found.decision, found.first) == ("allowed", "eu")


def test_who_may_be_nowhere_is_denied_as_on_the_path() -> None:
    effect = "keep_in: {servers: ['caller:region']}"
    assert (asked(effect).decision, asked(effect).reason) == ("denied", "region_denied")
    found = asked(effect, who=Person(id="alice", attributes={"region": ("US",)}))
    assert (found.decision, barred(found)) == ("allowed", {"us": (), "eu": ("region_denied",)})


def test_what_is_taken_out_for_a_server_is_told() -> None:
    found = asked("keep_in: {email: [EU], tool_texts: [EU]}", dialect="openai")
    assert {server.name: server.withheld for server in found.servers} == {"us": ("email", "tool_texts"), "eu": ()}
    assert TEXTS in found.untold


def test_a_signature_that_is_asked_for_has_to_be_there() -> None:
    key = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="
    keys = f"signatures: {{authorities: [here], keys: {{mine: {{algorithm: ed25519, key: {key}, of: [alice]}}}}}}"
    found = asked("require: [signature]", more=keys)
    assert (found.decision, found.reason) == ("denied", "signature_required")
    found = asked("require: [signature]", more=keys, signed=True)
    assert (found.decision, found.held_to) == ("allowed", ("a signature",))


def test_features_that_the_question_speaks_of_are_held() -> None:
    rules = "features: {tools: off, streaming: off, vision: off}"
    assert asked(rules=rules, tools=True).reason == asked(rules=rules, stream=True).reason == "feature_refused"
    found = asked(rules=rules)
    assert found.decision == "allowed"
    assert "the feature tools, which is off: off for this principal" in found.held_to
    assert DOCUMENT in found.untold


def test_contracts_and_parameters_are_named_and_left_to_the_document() -> None:
    rules = (
        "contract: talk, parameters: {allow: [top_p], rules: {temperature: {max: 1}}}, pin: {drift: refuse}, "
        "content: {messages: 3, hosts: [cdn.example.com], mcp_servers: [mcp.example.com], mislabelled: refuse, "
        "stored: [files, responses], answer_media: [image/png]}"
    )
    more = 'contracts: {talk: {version: "1.2", response: {schema: {type: object}}}}'
    found = asked("injection: block", rules=rules, more=more)
    assert found.held_to == (
        "the contract talk 1.2",
        "parameters: none but those that are allowed, and rules for temperature",
        "at most 3 messages",
        "URLs of cdn.example.com alone",
        "the MCP servers mcp.example.com alone",
        "stored files, responses alone",
        "media that are of the type they are said to be",
        "answers with image/png alone besides text",
        "injections in parameters are refused",
        "answers by the name meta/small",
    )
    assert DOCUMENT in found.untold
    assert asked(rules=rules, more=more, stream=True).reason == "contract_violated"


def test_limits_and_masks_are_told_and_how_they_stand_is_not() -> None:
    found = asked("limits: {requests: 1/min}, mask: {entities: [email]}", dialect="openai")
    assert found.untold == (DOCUMENT, TEXTS, LIMITS, MOMENT)


def test_a_use_that_no_policy_grants_is_told_nothing_of_servers() -> None:
    found = asked(model="unknown")
    assert (found.reason, found.servers, found.untold) == ("model_denied", (), ())


def test_of_files_and_batches_the_operation_of_their_requests_cannot_be_told() -> None:
    text = CONFIG.replace(", RULES", "").replace("[infer, read]", "[infer, read, files, batches]")
    loaded = load_content(text.encode(), Path("guardhouse.yaml"), {})
    assert isinstance(loaded, Loaded), loaded
    for operation in (Operation.FILES, Operation.BATCHES):
        found = explain(loaded.snapshot, Question(who=Person(id="alice"), may=operation, model="small"), NOW)
        assert "what its requests are for (lines)" in found.untold[0]
        assert (found.decision, found.besides, found.first) == ("allowed", (), "us")  # by the API that they are of


def fallbacks(rules: str = "", more: str = "", tier: str = "", **request: Any) -> Explanation:
    models = (
        "small: {targets: [eu], fallback: [tiny, last]CAPACITY}, tiny: {targets: [us, eu]RULES}, last: {targets: [us]}"
    )
    text = CONFIG.partition("models:")[0] + f"models: {{{models.replace('CAPACITY', '').replace('RULES', rules)}}}\n"
    text = text.replace(
        "region: frankfurt}\n  us", f"region: frankfurt{', capacity: {concurrent: 1}' if tier else ''}}}\n  us"
    )
    text += 'policies:\n  - {name: all, who: {ids: ["*"]}, may: [chat], models: ["*"], mask: {entities: []}}\n' + more
    loaded = load_content(text.encode(), Path("guardhouse.yaml"), {})
    assert isinstance(loaded, Loaded), loaded
    who = Person(id="alice", tier=tier)
    question = Question(who=who, may=Operation.CHAT, model="small", request=Circumstances(dialect="openai", **request))
    return explain(loaded.snapshot, question, NOW)


def test_fallbacks_are_told_in_their_order_with_what_is_in_the_way() -> None:
    tiny, last = fallbacks().fallbacks
    assert (tiny.model, tiny.barred, last.model, last.barred) == ("tiny", (), "last", ())
    assert [(server.name, server.barred) for server in tiny.servers] == [("us", ("region_denied",)), ("eu", ())]
    assert [(server.name, server.barred) for server in last.servers] == [("us", ("region_denied",))]
    tiny, last = fallbacks(", features: {tools: off}, content: {messages: 1}", tools=True).fallbacks
    assert (tiny.barred, last.barred) == (("feature_refused",), ())
    assert tiny.held_to == ("at most 1 messages", "the feature tools, which is off: off for this principal")
    assert asked().fallbacks == ()


def test_who_is_denied_is_told_of_no_fallbacks() -> None:
    deny = '  - {name: no, effect: deny, who: {ids: ["*"]}, may: [chat], models: [small], when: {stream: true}}\n'
    assert fallbacks(more=deny).fallbacks
    found = fallbacks(more=deny, stream=True)
    assert (found.decision, found.fallbacks, found.when_busy) == ("denied", (), False)


@pytest.mark.parametrize(("tier", "busy"), [("", False), ("plain", False), ("gold", True)])
def test_whose_tier_does_not_wait_goes_to_the_fallbacks_of_a_busy_model(tier: str, busy: bool) -> None:
    tiers = "tiers: {gold: {fallback: true}, plain: {weight: 2}}\n"
    assert fallbacks(more=tiers if tier else "", tier=tier).when_busy is busy
