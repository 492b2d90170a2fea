"""Where things are by a document, and by one that came after the start of the process."""

from typing import Any

import msgspec

from guardhouse.policy.document import Document
from guardhouse.policy.edition import Edition, InForce, in_force, seal
from guardhouse.policy.labels import as_started, places_of, regions_of, residency_of
from guardhouse.policy.schema import decode
from guardhouse.policy.shares import NO_SHARES
from guardhouse.policy.source import parse

REGIONS = {"frankfurt": {"jurisdiction": "EU"}, "virginia": {"jurisdiction": "US"}}
STORE = {"url": "rediss://limits.example.org/0", "region": "frankfurt"}


def document(**sections: Any) -> Document:
    written = {
        "targets": {"eu": {"kind": "openai", "url": "http://127.0.0.1:8000", "region": "frankfurt"}},
        "models": {"small": {"targets": ["eu"]}},
        "policies": [{"name": "all", "who": {"ids": ["*"]}, "may": ["chat"], "models": ["*"]}],
        **sections,
    }
    read = decode(parse(msgspec.json.encode(written), "f").root, "f")
    assert read.document is not None, read.problems
    return read.document


def kept(**sections: Any) -> Document:
    return document(regions=REGIONS, residency={"here": "frankfurt", "keep_in": ["EU"]}, **sections)


def where(of: Document) -> dict[str, str]:
    return {place.name: place.region for place in places_of(of)}


def test_without_declared_regions_every_label_is_one_of_its_own_name() -> None:
    assert regions_of(document()).names == {"frankfurt"}
    assert regions_of(document(regions=REGIONS)).names == {"frankfurt", "virginia"}


def test_without_a_rule_nothing_has_to_be_decided() -> None:
    assert residency_of(document(regions=REGIONS, residency={"here": "frankfurt"})) is None
    assert residency_of(kept()) is not None


def test_what_is_served_beyond_this_machine_is_collected_nowhere_unless_it_is_said() -> None:
    exposed = {"address": "0.0.0.0:9090", "exposed": True}
    assert where(kept())["metrics"] == "frankfurt"
    assert where(kept(admin=exposed))["metrics"] == ""
    assert where(kept(admin=exposed, metrics={"region": "virginia"}))["metrics"] == "virginia"


def test_a_store_that_is_replaced_counts_from_the_next_start_on() -> None:
    started = kept(limits_store={"url": "rediss://far.example.org/0", "region": "virginia"})
    moved = kept(limits_store=STORE)
    assert where(moved)["limits_store"] == "frankfurt"
    assert where(as_started(moved, started))["limits_store"] == "virginia"
    assert where(as_started(kept(), started))["limits_store"] == "virginia"


def test_a_label_of_the_same_place_may_be_corrected() -> None:
    started = kept(limits_store={**STORE, "region": "virginia"})
    assert where(as_started(kept(limits_store=STORE), started))["limits_store"] == "frankfurt"


def test_a_state_directory_that_moves_counts_from_the_next_start_on() -> None:
    here = {"here": "frankfurt", "keep_in": ["EU"]}
    started = document(regions=REGIONS, state="/far", residency={**here, "state": "virginia"})
    moved = document(regions=REGIONS, state="/near", residency=here)
    assert where(as_started(moved, started))["journal"] == "virginia"
    assert where(as_started(moved, document(regions=REGIONS, state="/near")))["journal"] == "frankfurt"


def test_an_edition_serves_nothing_whose_counts_would_still_go_to_the_store_of_before() -> None:
    started = document(limits_store={"url": "rediss://far.example.org/0"})
    sealed = seal(kept(limits_store=STORE))
    edition = Edition(at=0.0, base="/", started=seal(started), active=sealed)
    found = in_force(edition, {}, NO_SHARES)
    assert isinstance(found, InForce)
    assert found.snapshot.residency is not None
    bounds = found.snapshot.residency.bounds((), {})
    assert bounds is not None
    assert (bounds.misplaced, bounds.targets) == ("the limits store", frozenset())
