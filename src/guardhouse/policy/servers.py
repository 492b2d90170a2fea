"""Which model servers the rules let have a use, and what keeps the others from it: for the path, and for who asks.

A server has to speak the dialect of the request, to be on the route of the policies, to stand where the bytes may be,
and, if something has to be taken out for it, to be sent a request that can be read. How a server is at the moment has
no part in this: what is broken, drained or busy is known to the path alone.

Where none is left, `reason_for_none` names one control: one that, lifted alone, would leave a server. If that is true
of several, the rules of the gateway go before the request: what may not leave its region, where it may not go, which
way the policies leave, and only then the API it came by, since another one would be another request. If it is true of
none, it is the first that has left no server, asked in the order dialect, route, region, readability.
"""

from collections.abc import Sequence

from guardhouse.model.dialect import DialectName
from guardhouse.model.reason import Reason
from guardhouse.policy.snapshot import Model, Target
from guardhouse.residency.bounds import Bounds

Targets = tuple[Target, ...]

_ASKED = (Reason.DIALECT_UNSUPPORTED, Reason.NO_TARGET_LEFT, Reason.REGION_DENIED, Reason.CONTENT_UNREADABLE)
_TOLD = (Reason.CONTENT_UNREADABLE, Reason.REGION_DENIED, Reason.NO_TARGET_LEFT, Reason.DIALECT_UNSUPPORTED)


def serving(model: Model, dialect: DialectName, route: frozenset[str] | None) -> Targets:
    """Those that speak the dialect and are on the route, wherever they are; the preferred one first."""
    spoken = tuple([target for target in model.targets if dialect in target.speaks])
    if route is None:
        return spoken
    return tuple([target for target in spoken if target.name in route])


def bars(
    target: Target, dialect: DialectName | None, route: frozenset[str] | None, bounds: Bounds | None, *, opaque: bool
) -> tuple[Reason, ...]:
    """Every control that keeps the target from the use. No `dialect`: whatever it speaks."""
    found: list[Reason] = []
    if dialect is not None and dialect not in target.speaks:
        found.append(Reason.DIALECT_UNSUPPORTED)
    if route is not None and target.name not in route:
        found.append(Reason.NO_TARGET_LEFT)
    if bounds is not None and target.name not in bounds.targets:
        found.append(Reason.REGION_DENIED)
    elif bounds is not None and opaque and target.name in bounds.leaving:
        found.append(Reason.CONTENT_UNREADABLE)
    return tuple(found)


def reason_for_none(barred: Sequence[tuple[Reason, ...]]) -> Reason:
    """The control that has left no server, by what is in the way of each."""
    for control in _TOLD:
        if (control,) in barred:
            return control
    for control in _ASKED:
        barred = [bars for bars in barred if control not in bars]
        if not barred:
            return control
    return Reason.INTERNAL  # nothing is in the way of some: it was not to be asked
