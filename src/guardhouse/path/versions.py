"""Which version of a model goes upstream, in the dialects whose paths can name one.

A caller may name a version that the configuration lists for the model; any other does not exist. Where it names none,
the first of the list goes upstream, so that a model server cannot choose; without a list, nothing is said of versions.
"""

from guardhouse.policy.snapshot import Model
from guardhouse.wire.dialects.dialect import Route


def version_for(route: Route, model: Model) -> str | None:
    """The version that goes upstream, empty if none is said; None if the one that is asked for is not to be had."""
    if route.version:
        return route.version if route.version in model.versions else None
    return model.versions[0] if model.versions and route.model is not None else ""


def pin(route: Route, model: Model) -> None:
    """Before each attempt: the model may be another one's fallback."""
    if route.model is not None:  # never of a route that requests share
        route.pinned = version_for(route, model) or ""
