import pytest

from guardhouse.residency.keeping import CONTENT, METADATA, SIGN_INS, Requirement, concerns
from guardhouse.residency.places import EVERYTHING, Place, misplaced, misplaced_for
from guardhouse.residency.regions import Regions

REGIONS = Regions({"frankfurt": "EU", "virginia": "US"})
GATEWAY = Place("gateway", "this gateway", "frankfurt", EVERYTHING)
JOURNAL = Place("journal", "the journal", "virginia", frozenset({METADATA}))
PLACES = (GATEWAY, JOURNAL)


def requirement(of: str, *within: str, own: tuple[str, ...] = ()) -> Requirement:
    return Requirement(of, frozenset(within), own, "residency")


@pytest.mark.parametrize(
    ("of", "held", "speaks"),
    [
        (CONTENT, {CONTENT}, True),
        ("email", {CONTENT}, True),
        ("tool_texts", {CONTENT}, True),
        ("email", {METADATA}, False),
        (CONTENT, {METADATA}, False),
        (METADATA, {METADATA, SIGN_INS}, True),
        (SIGN_INS, {METADATA}, False),
    ],
)
def test_a_requirement_speaks_of_what_holds_its_bytes(of: str, held: set[str], speaks: bool) -> None:
    assert concerns(of, frozenset(held)) is speaks


def test_a_place_is_misplaced_for_the_bytes_that_it_gets() -> None:
    assert [place for place, _ in misplaced(PLACES, (requirement(METADATA, "frankfurt"),))] == [JOURNAL]
    assert list(misplaced(PLACES, (requirement(CONTENT, "frankfurt"),))) == []
    assert [place for place, _ in misplaced(PLACES, (requirement("email", "virginia"),))] == [GATEWAY]


def test_a_place_is_told_once_however_many_rules_it_breaks() -> None:
    keep = (requirement(METADATA, "frankfurt"), requirement(METADATA))
    assert [place for place, _ in misplaced((JOURNAL,), keep)] == [JOURNAL]


def test_what_depends_on_the_caller_is_judged_for_one() -> None:
    keep = (requirement(METADATA, own=("region",)),)
    assert list(misplaced(PLACES, keep)) == []
    assert misplaced_for(PLACES, keep, {}, REGIONS) == GATEWAY
    assert misplaced_for(PLACES, keep, {"region": frozenset({"EU"})}, REGIONS) == JOURNAL
    assert misplaced_for(PLACES, keep, {"region": frozenset({"EU", "US"})}, REGIONS) is None
