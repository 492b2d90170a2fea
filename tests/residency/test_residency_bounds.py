"""The decision of the data path: held against a definition that looks at each target and each rule by itself."""

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.entity import ENTITY_NAMES
from guardhouse.residency.bounds import Bounds, Leaving, Residency
from guardhouse.residency.keeping import CONTENT, METADATA, ROLES, SERVERS, Keep, Requirement
from guardhouse.residency.places import EVERYTHING, Place
from guardhouse.residency.regions import Regions

REGIONS = Regions({"frankfurt": "EU", "dublin": "EU", "virginia": "US"})
TARGETS = {"a": "frankfurt", "b": "dublin", "c": "virginia", "d": ""}
LABELS = ["frankfurt", "dublin", "virginia", ""]

requirements = st.builds(
    Requirement,
    of=st.sampled_from([CONTENT, SERVERS, METADATA, "email", "all", "tool_texts"]),
    within=st.frozensets(st.sampled_from(LABELS[:3])),
    own=st.sampled_from([(), ("region",), ("region", "site")]),
    by=st.sampled_from(["residency", "policy p"]),
)
keeps = st.lists(requirements, max_size=4).map(tuple)
values = st.dictionaries(
    st.sampled_from(["region", "site", "other"]), st.frozensets(st.sampled_from(["EU", "virginia", "atlantis", ""]))
)


def residency(here: str = "frankfurt", everywhere: Keep = ()) -> Residency:
    return Residency(REGIONS, TARGETS, [Place("gateway", "this gateway", here, EVERYTHING)], everywhere)


def test_without_a_rule_there_is_nothing_to_decide() -> None:
    assert residency().bounds((), {}) is None


def test_rules_add_up_and_none_widens_another() -> None:
    eu = Requirement(CONTENT, frozenset({"frankfurt", "dublin"}), (), "policy eu")
    here = Requirement(CONTENT, frozenset({"frankfurt", "virginia"}), (), "policy here")
    found = residency(everywhere=(eu,)).bounds((here,), {})
    assert found == Bounds(within=("frankfurt",), by=("policy eu", "policy here"), targets=frozenset({"a"}), leaving={})


def test_a_part_that_may_not_leave_bars_no_server_but_is_taken_out() -> None:
    email = Requirement("email", frozenset({"frankfurt"}), (), "residency")
    found = residency().bounds((email,), {})
    assert found is not None
    assert found.targets == TARGETS.keys()
    assert found.leaving == dict.fromkeys("bcd", Leaving(int(ENTITY_NAMES["email"])))


def test_nothing_is_served_where_a_place_may_not_hold_it() -> None:
    found = residency(here="virginia").bounds((Requirement(METADATA, frozenset({"dublin"}), (), "residency"),), {})
    assert found is not None
    assert (found.misplaced, found.targets) == ("this gateway", frozenset())


@given(keep=keeps, everywhere=keeps, held=values, here=st.sampled_from(LABELS))
def test_a_server_has_what_every_rule_lets_it_have(
    keep: Keep, everywhere: Keep, held: dict[str, frozenset[str]], here: str
) -> None:
    found = residency(here, everywhere).bounds(keep, held)
    assert (found is None) == (not keep + everywhere)
    if found is None:
        return
    for rule in keep + everywhere:
        admitted = set(rule.within)
        for name in rule.own:
            for word in held.get(name, ()):
                admitted |= {"EU": {"frankfurt", "dublin"}, "virginia": {"virginia"}}.get(word, set())
        if here not in admitted and rule.of != SERVERS:
            assert found.targets == frozenset()
        for name in found.targets:
            if TARGETS[name] not in admitted and rule.of != METADATA:
                assert rule.of not in (CONTENT, SERVERS)
                taken = found.leaving[name]
                wanted = ENTITY_NAMES.get(rule.of)
                assert taken.entities & wanted == wanted if wanted else ROLES[rule.of] in taken.roles
    if not found.misplaced:
        barred = [rule for rule in keep + everywhere if rule.of in (CONTENT, SERVERS)]
        assert barred or found.targets == TARGETS.keys()


@given(keep=keeps, held=values, other=values)
def test_what_is_kept_for_one_caller_is_no_answer_for_another(
    keep: Keep, held: dict[str, frozenset[str]], other: dict[str, frozenset[str]]
) -> None:
    asked = residency()
    asked.bounds(keep, held)
    assert asked.bounds(keep, other) == residency().bounds(keep, other)
