import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.cel.expression import VARIABLES, Expression, Scene, faults, literals_in, variables_of
from guardhouse.policy.facts import Facts

SCENE = Scene(
    principal=Principal(
        id="alice", groups=frozenset({"a", "b"}), attributes={"department": frozenset({"it"})}, credential_id="c"
    ),
    operation=Operation.CHAT,
    model="llama",
    version="3.1",
    tags=frozenset({"open"}),
    model_attributes={"owner": frozenset({"it"})},
    regions=("eu",),
    facts=Facts("192.0.2.1", 1_767_600_000.0, 100, stream=True, tools=False, risk=7),
    networks=frozenset({"office"}),
    hours=frozenset({"day"}),
)


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("risk >= 7 && !('home' in networks)", True),
        ("risk >= 7 && !('office' in networks)", False),
        ("groups.exists(g, g == 'b')", True),
        ("has(attributes.department) && 'it' in attributes.department", True),
        ("has(attributes.nothing) && 'it' in attributes.nothing", False),
        ("'it' in attributes.nothing", None),
        ("groups[7] == 'a'", None),
        ("risk / (size - 100) == 1", None),
        ("size * 9223372036854775807 > 1", None),
        ("at.getFullYear() == 2026", True),
        ("attributes.department == model_attributes.owner", True),
        ("id.matches('^a[a-z]+$')", True),
        ("regions.all(r, r == 'eu') && 'open' in tags && version.startsWith('3.')", True),
    ],
)
def test_an_expression_holds_or_not_or_cannot_be_evaluated(source: str, outcome: bool | None) -> None:
    assert faults(source) is None
    assert Expression(source).holds(SCENE) is outcome


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("risk", "is int; a condition is bool"),
        ("1 == 1", "is always the same: it speaks of nothing that a request could change"),
        ("risk == 'high'", "== does not go between int and text"),
        ("at < timestamp('yesterday')", 'timestamp("yesterday") cannot be evaluated'),
        ("groups.exists(g, roles.exists(r, g == r))", "exists() stands inside of what another one says of each"),
        ("[1, 2].all(n, size > n || [3].map(m, m)[0] > n)", "map() stands inside of what another one says of each"),
        ("id.matches('a[')", '"".matches("a[") cannot be evaluated'),
        ("risk > 99999999999999999999", "is not taken by the evaluating library"),
        ("prompt.contains('x')", 'unknown name "prompt"'),
        ("risk >", "a value is expected, not its end"),
    ],
)
def test_what_is_wrong_with_an_expression_is_told(source: str, fault: str) -> None:
    assert faults(source) == fault


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_has_the_type_that_is_said_of_it(name: str) -> None:
    use = {
        "text": "{} == 'x'",
        "int": "{} > -1",
        "bool": "{} || true",
        "time": "{} > timestamp('1970-01-01T00:00:00Z')",
        "list(text)": "{}.all(x, size(x) >= 0)",
        "map(list(text))": "{}.all(x, size(x) > 0)",
    }[VARIABLES[name].type].format(name)
    assert faults(use) is None
    assert isinstance(Expression(use).holds(SCENE), bool)
    bare = msgspec.structs.replace(SCENE, principal=Principal(id="x", credential_id="c"), facts=Facts())
    assert isinstance(Expression(use).holds(bare), bool)


def test_what_an_expression_names_is_known() -> None:
    source = "groups.exists(g, g == id) && ('office' in networks || !('lab' in networks)) && 'x' in tags"
    assert variables_of(source) == {"groups", "id", "networks", "tags"}
    assert literals_in(source, "networks") == {"office", "lab"}
    assert literals_in(source, "hours") == set()


atoms = st.sampled_from([*VARIABLES, "'x'", "1", "2.5", "true", "['x']", "timestamp('2026-01-01T00:00:00Z')"])
nodes = st.recursive(
    atoms,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["&&", "||", "==", "<", "+", "in", "-"]), inner)
        | st.builds("!{}".format, inner)
        | st.builds("size({})".format, inner)
        | st.builds("{}.exists(x, x == 'x')".format, inner)
        | st.builds("{}[0]".format, inner)
    ),
    max_leaves=6,
)


@given(nodes | st.text(max_size=40))
def test_what_is_found_sound_evaluates_without_a_mistake_of_type(source: str) -> None:
    fault = faults(source)
    assert fault is None or fault
    if fault is None:
        outcome = Expression(source).holds(SCENE)
        assert isinstance(outcome, bool) or "[0]" in source
