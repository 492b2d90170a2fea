"""Everything beside model servers that holds bytes of exchanges or is sent some, with where it is.

What the gateway writes is a place, and so is what others make of that: a backup of the state, a log shipper that
follows the journal. A new thing that keeps or sends bytes is a place here with the kinds of bytes that it gets, or the
rules do not hold for it.
"""

from collections.abc import Iterable, Iterator

import msgspec

from guardhouse.residency.keeping import CONTENT, METADATA, SIGN_INS, Keep, Requirement, Values, concerns
from guardhouse.residency.regions import Regions

# what a copy is made of, and what is in there
ORIGINALS: dict[str, frozenset[str]] = {
    "state": frozenset({METADATA, SIGN_INS}),
    "journal": frozenset({METADATA}),
    "metrics": frozenset({METADATA}),
    "limits_store": frozenset({METADATA}),
}
EVERYTHING = frozenset({CONTENT, METADATA, SIGN_INS})


class Place(msgspec.Struct, frozen=True):
    name: str  # stable, for records and machines: `copy:backup`
    words: str  # for people: `the copy backup of the journal`
    region: str
    gets: frozenset[str]


def misplaced(places: Iterable[Place], keep: Keep) -> Iterator[tuple[Place, Requirement]]:
    """Each place that a requirement does not let have its bytes; those that depend on the caller are left out."""
    for place in places:
        for requirement in keep:
            if concerns(requirement.of, place.gets) and not requirement.own and place.region not in requirement.within:
                yield place, requirement
                break


def misplaced_for(places: Iterable[Place], keep: Keep, values: Values, regions: Regions) -> Place | None:
    """The first place where the bytes of this caller may not be."""
    for place in places:
        for requirement in keep:
            admitted = requirement.admitted(values, regions.meant_by)
            if concerns(requirement.of, place.gets) and place.region not in admitted:
                return place
    return None
