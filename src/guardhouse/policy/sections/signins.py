"""`signins`: how failed sign-ins are slowed down, and which use of a credential counts as unusual."""

from collections.abc import Iterator

from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, Shape
from guardhouse.policy.settings import Signins

SIGNINS = Shape(
    Signins,
    {
        "failures": Key(kinds.Whole(1, 1_000_000), "Failures of one address, or with one key's id, that are borne."),
        "window": Key(kinds.DURATION, "How long after the last of them they are forgotten."),
        "first": Key(kinds.DURATION, "For how long the next failures are sent away; it doubles each time."),
        "longest": Key(kinds.DURATION, "Where that doubling ends."),
        "strict": Key(kinds.FLAG, "Say true to refuse even valid credentials from an address that is sent away."),
        "networks": Key(kinds.Whole(2, 32), "From so many networks at once, the use of a credential is an event."),
        "at_once": Key(kinds.DURATION, "What at once means."),
        "settled": Key(kinds.DURATION, "How long a credential is in use before a new network is an event."),
        "dormant": Key(kinds.DURATION, "After so long without use, the next use is an event."),
        "attempts": Key(kinds.RATE, "Steps of signing in at the admin port that one address may take; two a sign-in."),
        "attempts_in_all": Key(kinds.RATE, "The same of all addresses together."),
    },
)


def findings(signins: Signins) -> Iterator[tuple[Path, str]]:
    if signins.longest < signins.first:
        yield ("signins", "longest"), "is shorter than first"
