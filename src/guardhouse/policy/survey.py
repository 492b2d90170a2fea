"""What `guardhouse residency check` shows: every way and place of a configuration, and what each rule says of it."""

from collections.abc import Iterator

import msgspec

from guardhouse.policy.document import Document
from guardhouse.policy.labels import places_of
from guardhouse.policy.ways import Survey
from guardhouse.residency.places import misplaced
from guardhouse.residency.ways import Ruling, Way, rule


class SeenWay(msgspec.Struct, frozen=True, kw_only=True):
    way: Way
    jurisdiction: str
    rulings: tuple[Ruling, ...]  # none: no rule speaks of it
    spelled: str


class SeenPlace(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    words: str
    region: str
    jurisdiction: str
    gets: tuple[str, ...]
    broken: tuple[str, ...] = ()  # the rules that do not let it have something


def ways_in(document: Document, model: str | None = None) -> Iterator[SeenWay]:
    """Of the model alone, if one is named."""
    survey = Survey(document)
    rules = list(survey.rules())
    for allowing, leg in survey.open_ways():
        if model is not None and leg.models[0] != model:
            continue
        rulings = [
            rule(each.by, each.keep, leg.region, closed=survey.is_closed(each, allowing, leg))
            for each in rules
            if survey.may_speak(each, allowing, leg)
        ]
        way = survey.way(None, allowing, leg)
        yield SeenWay(
            way=way,
            jurisdiction=survey.regions.jurisdiction_of(leg.region),
            rulings=tuple(ruling for ruling in rulings if ruling is not None),
            spelled=way.spelled(survey.regions),
        )


def places_in(document: Document) -> Iterator[SeenPlace]:
    survey = Survey(document)
    rules = list(survey.rules())
    for place in places_of(document):
        broken = tuple(each.by for each in rules if any(misplaced([place], each.keep)))
        yield SeenPlace(
            name=place.name,
            words=place.words,
            region=place.region,
            jurisdiction=survey.regions.jurisdiction_of(place.region),
            gets=tuple(sorted(place.gets)),
            broken=broken,
        )
