"""What a document says of where things are: its regions, the places in them, and the rules for all of it.

Without a section `regions` every label is a region of its own name, under no jurisdiction; with it, labels name its
entries. What each place gets is said here, in one list: whatever else comes to hold or send bytes belongs into it.
"""

from collections.abc import Iterable, Iterator

import msgspec

from guardhouse.policy.document import Document
from guardhouse.policy.network import is_loopback
from guardhouse.policy.problem import Path, unknown
from guardhouse.policy.sections.effects import Effects
from guardhouse.policy.sections.regions import keep_of
from guardhouse.policy.settings import Admin
from guardhouse.residency.bounds import Residency
from guardhouse.residency.keeping import METADATA, SIGN_INS
from guardhouse.residency.places import EVERYTHING, ORIGINALS, Place
from guardhouse.residency.regions import UNLABELLED, Regions

IN_REGION = "region:"  # what an item of a route begins with that means targets by their region


def regions_of(document: Document) -> Regions:
    if document.regions:
        return Regions({name: entry.jurisdiction for name, entry in document.regions.items()})
    return Regions(dict.fromkeys(filter(None, _labels(document)), ""))


def targets_meant(route: Iterable[str], document: Document) -> frozenset[str]:
    """By their names, or by where they are."""
    meant: set[str] = set()
    for item in route:
        if item.startswith(IN_REGION):
            regions = regions_of(document).meaning(item.removeprefix(IN_REGION))
            meant.update(name for name, entry in document.targets.items() if entry.region in regions)
        else:
            meant.add(item)
    return frozenset(meant)


def residency_of(document: Document) -> Residency | None:
    """None where no rule is said anywhere: then nothing has to be decided."""
    if not any_rule(document):
        return None
    regions = regions_of(document)
    return Residency(
        regions,
        {name: entry.region or UNLABELLED for name, entry in document.targets.items()},
        list(places_of(document)),
        keep_of(document.residency.keep_in, "residency", regions),
    )


def any_rule(document: Document) -> bool:
    sources: list[Effects] = [*document.policies, *document.bundles.values()]
    return bool(
        document.residency.keep_in
        or any(model.keep_in for model in document.models.values())
        or any(source.keep_in for source in sources)
    )


def places_of(document: Document) -> Iterator[Place]:
    entry = document.residency
    here = entry.here or UNLABELLED
    state = entry.state or here
    yield Place("gateway", "this gateway", here, EVERYTHING)
    yield Place("state", "the state directory", state, ORIGINALS["state"])
    yield Place("journal", "the journal", state, ORIGINALS["journal"])
    local = is_loopback(document.admin.address.host) and not document.admin.exposed
    collected = document.metrics.region or (here if local else UNLABELLED)
    yield Place("metrics", "who collects the metrics", collected, frozenset({METADATA}))
    if document.limits_store is not None:
        region = document.limits_store.region or UNLABELLED
        yield Place("limits_store", "the limits store", region, ORIGINALS["limits_store"])
    for name, provider in document.admin.people.items():
        yield Place(
            f"people:{name}", f"the sign-in provider {name}", provider.region or UNLABELLED, frozenset({SIGN_INS})
        )
    for name, copy in (entry.copies or {}).items():
        of = copy.of.replace("_", " ")
        yield Place(f"copy:{name}", f"the copy {name} of the {of}", copy.region, ORIGINALS[copy.of])


def route_findings(route: tuple[str, ...], document: Document) -> Iterator[tuple[Path, str]]:
    """What of a route by region means no server."""
    regions = regions_of(document)
    held = {entry.region for entry in document.targets.values()}
    for number, item in enumerate(route):
        word = item.removeprefix(IN_REGION)
        if not item.startswith(IN_REGION):
            continue
        if not regions.meaning(word):
            yield ("route", number), unknown("region or jurisdiction", word, regions.words)
        elif held.isdisjoint(regions.meaning(word)):
            yield ("route", number), f"no target is in {word}"


def as_started(document: Document, started: Document) -> Document:
    """With the places that a process keeps until its next start, since its bytes go there until then. Where a place is
    the same in both, what the newer document says of its region counts: a label may be corrected."""
    store, admin, state = document.limits_store, document.admin, document.residency.state or document.residency.here
    if store is None or started.limits_store is None or store.url != started.limits_store.url:
        store = started.limits_store
    if _unlabelled(admin) != _unlabelled(started.admin):
        admin = started.admin
    if document.state != started.state:
        state = started.residency.state or started.residency.here
    residency = msgspec.structs.replace(document.residency, state=state)
    return msgspec.structs.replace(document, limits_store=store, admin=admin, residency=residency)


def _unlabelled(admin: Admin) -> Admin:
    people = {name: msgspec.structs.replace(provider, region=None) for name, provider in admin.people.items()}
    return msgspec.structs.replace(admin, people=people)


def _labels(document: Document) -> Iterator[str | None]:
    yield from (entry.region for entry in document.targets.values())
    yield from (document.residency.here, document.residency.state, document.metrics.region)
    yield None if document.limits_store is None else document.limits_store.region
    yield from (provider.region for provider in document.admin.people.values())
    yield from (copy.region for copy in (document.residency.copies or {}).values())
