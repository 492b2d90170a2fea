"""Does everything stay where it must? Labels and rules of residency, and whether any way could break one.

Judged is what is written, before anything runs: a configuration in which bytes could go, or be kept, where a rule does
not let them be is refused, and the way there is spelled out. What depends on who calls is left to the data path, which
holds every rule by itself (residency/bounds.py). The way to a server that lacks only parts of the content is none that
breaks a rule: those parts are taken out on it.
"""

from collections.abc import Iterator

from guardhouse.policy.document import Document
from guardhouse.policy.labels import any_rule, places_of, regions_of
from guardhouse.policy.problem import Path
from guardhouse.policy.sections import regions as section
from guardhouse.policy.sections import residency
from guardhouse.policy.sections.who import describe
from guardhouse.policy.selecting import numbered
from guardhouse.policy.ways import Rule, Survey
from guardhouse.residency.keeping import BARRING
from guardhouse.residency.places import Place, misplaced
from guardhouse.residency.regions import Regions

Finding = tuple[Path, str]

_JUDGED = ("regions", "residency", "targets", "models", "policies", "bundles")


def findings(document: Document, unread: frozenset[Path]) -> Iterator[Finding]:
    if any(path[0] == "regions" for path in unread):
        return
    wrong = [*_labels(document), *_rules(document, unread)]
    yield from wrong
    if not wrong and any_rule(document) and not any(path[0] in _JUDGED for path in unread):
        yield from broken(document)


def broken(document: Document) -> Iterator[Finding]:
    """Each rule that could be broken: once for each place, and once for each server."""
    survey = Survey(document)
    places = list(places_of(document))
    for rule in survey.rules():
        yield from ((rule.place, message) for message in _misplaced(rule, places, survey.regions))
        yield from ((rule.place, message) for message in _leaving(rule, survey))


def _misplaced(rule: Rule, places: list[Place], regions: Regions) -> Iterator[str]:
    reach = rule.reach
    begin = "" if reach is None else f'{describe(reach.entry.who)} -> policy "{reach.entry.name}" -> '
    begin = f"model {rule.model} -> " if rule.model else begin
    for place, requirement in misplaced(places, rule.keep):
        yield f"is broken: {begin}{place.words} ({regions.describe(place.region)}) has {requirement.of} of it"


def _leaving(rule: Rule, survey: Survey) -> Iterator[str]:
    """The first way to each server; guardhouse residency check shows all."""
    found: dict[str, str] = {}
    for requirement in rule.keep:
        if requirement.of not in BARRING or requirement.own:
            continue
        for allowing, legs in survey.leading_out(requirement.within, rule):
            for leg in legs:
                if leg.target not in found and survey.is_taken(rule, allowing, leg):
                    found[leg.target] = survey.way(rule, allowing, leg).spelled(survey.regions)
    for way in found.values():
        yield f"could be broken: {way}{_remedy(rule)}"


def _remedy(rule: Rule) -> str:
    words = [word for word in rule.words if ":" not in word]
    if rule.reach is None or rule.reach.grant.route is not None or not words:
        return ""
    route = ", ".join(f'"region:{word}"' for word in words)
    return f"; route: [{route}] beside it would close that way"


def _labels(document: Document) -> Iterator[Finding]:
    regions, declared = regions_of(document), bool(document.regions)
    labelled: list[tuple[Path, str | None]] = [
        *((("targets", name, "region"), entry.region) for name, entry in document.targets.items()),
        (("metrics", "region"), document.metrics.region),
        *((("admin", "people", name, "region"), each.region) for name, each in document.admin.people.items()),
    ]
    if document.limits_store is not None:
        labelled.append((("limits_store", "region"), document.limits_store.region))
    for place, region in labelled:
        yield from ((place, message) for message in section.label_findings(region, regions, declared=declared))
    yield from ((("regions", *place), message) for place, message in section.jurisdiction_findings(document.regions))
    store = document.limits_store is not None
    for place, message in residency.findings(document.residency, regions, declared=declared, store=store):
        yield ("residency", *place), message


def _rules(document: Document, unread: frozenset[Path]) -> Iterator[Finding]:
    regions = regions_of(document)
    written: list[tuple[Path, section.KeepIn | None]] = [
        *((("models", name, "keep_in"), model.keep_in) for name, model in document.models.items()),
        *((("bundles", name, "keep_in"), bundle.keep_in) for name, bundle in document.bundles.items()),
        *((("policies", number, "keep_in"), policy.keep_in) for number, policy in numbered(document, unread)),
    ]
    for place, keep_in in written:
        for inner, message in section.keep_findings(keep_in, regions, everything=False):
            yield (*place, *inner), message
