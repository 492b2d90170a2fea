import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.policy.contracts.parameters import ParameterRules
from guardhouse.policy.sections.parameters import ParameterRule, Parameters

BASE: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def rules(allow: tuple[str, ...] | None = None, **said: ParameterRule) -> ParameterRules:
    return ParameterRules(Parameters(allow=allow, rules=said))


HEAT = ParameterRule(min=0.0, max=1.5)


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"temperature": 1.6}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": [1]}, "temperature"),
        ({"Temperature": 9}, "Temperature"),
        ({"temperature": 1, "TEMPERATURE": 9}, "TEMPERATURE"),
        ({"options": {"temperature": 9}}, "options.temperature"),
        ({"Options": {"temperature": 9}}, "Options.temperature"),
        ({"parameters": {"temperature": 9}}, "parameters.temperature"),
    ],
)
def test_a_parameter_beyond_its_range_is_refused_wherever_and_however_it_is_spelled(
    extra: dict[str, Any], param: str
) -> None:
    verdict = rules(temperature=HEAT).apply({**BASE, **extra}, mend=True)
    assert isinstance(verdict, Denial)
    assert (verdict.reason, verdict.param) == (Reason.PARAMETER_REFUSED, param)


@pytest.mark.parametrize(
    "name", ["max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict", "n_predict"]
)
def test_a_bound_on_the_length_of_answers_holds_under_each_of_its_names(name: str) -> None:
    rule = rules(max_tokens=ParameterRule(max=100))
    assert isinstance(rule.apply({**BASE, name: 101}, mend=True), Denial)
    assert isinstance(rule.apply({**BASE, "options": {name: 101}}, mend=True), Denial)
    assert rule.apply({**BASE, name: 100}, mend=True) is False


def test_what_is_said_of_a_name_itself_goes_before_what_follows_for_it() -> None:
    rule = rules(max_tokens=ParameterRule(max=100), num_predict=ParameterRule(refuse=True))
    assert isinstance(rule.apply({**BASE, "num_predict": 5}, mend=True), Denial)
    assert rule.apply({**BASE, "max_tokens": 5}, mend=True) is False


def test_null_counts_as_not_said_except_where_the_parameter_is_refused() -> None:
    assert rules(temperature=HEAT).apply({**BASE, "temperature": None}, mend=True) is False
    assert isinstance(rules(seed=ParameterRule(refuse=True)).apply({**BASE, "seed": None}, mend=True), Denial)


def test_only_what_is_allowed_passes_besides_the_payload_and_what_rules_speak_of() -> None:
    rule = rules(allow=("top_p",), temperature=HEAT)
    assert rule.apply({**BASE, "top_p": 1, "temperature": 1, "stream": True}, mend=True) is False
    extra: dict[str, Any]
    for extra in ({"logit_bias": {}}, {"options": {"num_ctx": 1}}, {"options": {"model": "other"}}, {"Logit_Bias": {}}):
        assert isinstance(rule.apply({**BASE, **extra}, mend=True), Denial), extra


def test_a_clamp_puts_the_bound_in_the_place_and_says_so() -> None:
    rule = rules(max_tokens=ParameterRule(min=1, max=100, over="clamp"))
    document = {**BASE, "max_tokens": 5000, "options": {"num_predict": -1}}
    assert rule.apply(document, mend=True) is True
    assert (document["max_tokens"], document["options"]) == (100, {"num_predict": 1})
    assert type(document["max_tokens"]) is int
    assert isinstance(rule.apply({**BASE, "max_tokens": 5000}, mend=False), Denial)


def test_a_default_is_put_in_only_where_nothing_is_said() -> None:
    rule = rules(max_tokens=ParameterRule(max=100, default=50))
    document = dict(BASE)
    assert rule.apply(document, mend=True) is True
    assert document["max_tokens"] == 50
    extra: dict[str, Any]
    for extra in ({"max_completion_tokens": 7}, {"options": {"num_predict": 7}}):
        assert rule.apply({**BASE, **extra}, mend=True) is False


def test_what_the_gateway_says_itself_replaces_every_spelling() -> None:
    rule = rules(seed=ParameterRule(set=7))
    document = {**BASE, "Seed": 1, "options": {"random_seed": 2, "top_k": 3}}
    assert rule.apply(document, mend=True) is True
    assert document == {**BASE, "seed": 7, "options": {"top_k": 3}}
    assert rule.apply(document, mend=True) is False


def test_values_and_lengths() -> None:
    rule = rules(effort=ParameterRule(values=("low", 1)), stop=ParameterRule(length=2))
    good: dict[str, Any]
    bad: dict[str, Any]
    for good in ({"effort": "low"}, {"effort": 1}, {"stop": ["a", "b"]}, {"stop": "ab"}, {"stop_sequences": []}):
        assert rule.apply({**BASE, **good}, mend=True) is False
    for bad in (
        {"effort": "high"},
        {"effort": True},
        {"effort": 1.0},
        {"stop": ["a"] * 3},
        {"stop": 3},
        {"stop": "abc"},
    ):
        assert isinstance(rule.apply({**BASE, **bad}, mend=True), Denial), bad


names = st.sampled_from(
    ("temperature", "Temperature", "max_tokens", "num_predict", "seed", "options", "x", "logit_bias")
)
values = st.one_of(st.none(), st.booleans(), st.integers(-5, 500), st.floats(-5, 5), st.text(max_size=3))
SEVERAL = rules(
    allow=("x",),
    temperature=HEAT,
    max_tokens=ParameterRule(min=1, max=100, over="clamp", default=10),
    seed=ParameterRule(set=7),
)


@given(st.dictionaries(names, st.one_of(values, st.dictionaries(names, values, max_size=3)), max_size=4))
def test_what_has_passed_passes_again_unchanged(extra: dict[str, Any]) -> None:
    document = {**BASE, **extra}
    if not isinstance(SEVERAL.apply(document, mend=True), Denial):
        kept = copy.deepcopy(document)
        assert SEVERAL.apply(document, mend=True) is False
        assert SEVERAL.apply(document, mend=False) is False
        assert document == kept
        assert document["seed"] == 7


def test_a_name_that_is_repeated_to_the_caller_is_short_and_printable() -> None:
    verdict = rules(allow=()).apply({**BASE, "\n" * 500: 1}, mend=True)
    assert isinstance(verdict, Denial)
    assert verdict.param == "?" * 64


@pytest.mark.parametrize("rule", [ParameterRule(set=7), ParameterRule(default=7)])
def test_a_document_that_lacks_what_the_gateway_says_does_not_pass_as_it_stands(rule: ParameterRule) -> None:
    document = copy.deepcopy(BASE)
    verdict = rules(seed=rule).apply(document, mend=False)
    assert isinstance(verdict, Denial)
    assert (verdict.reason, verdict.param, document) == (Reason.PARAMETER_REFUSED, "seed", BASE)
    assert rules(seed=rule).apply({**BASE, "seed": 7}, mend=False) is False
    assert rules(seed=ParameterRule(set=7)).apply({**BASE, "seed": 7, "Seed": 8}, mend=True) is True
