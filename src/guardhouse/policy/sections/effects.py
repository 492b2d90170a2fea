"""What comes with an allowance: limits, masking, and what else is asked of a use or said of it.

A policy says these itself, or takes them from a bundle: the same keys under a name, written once for many policies.
What a policy says and what its bundles say adds up as if each were a policy of its own (granting.py), with two
exceptions that prevent misunderstandings: the default mask stands only where none of them says one, and limits are said
once.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from guardhouse.model.entity import ENTITY_NAMES, SECRETS, Entity
from guardhouse.policy import kinds
from guardhouse.policy.reading import Key, Kind, ListOf, MapOf, Shape
from guardhouse.policy.sections.limits import LIMITS, Limits
from guardhouse.policy.sections.regions import KEEP_IN, KeepIn

Side = Literal["request", "response"]


class Mask(msgspec.Struct, frozen=True, kw_only=True):
    entities: tuple[Entity, ...] = (SECRETS,)
    where: tuple[Side, ...] = ("request", "response")


class Approve(msgspec.Struct, frozen=True, kw_only=True):
    by: tuple[str, ...]


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    limits: Limits | None = None
    mask: Mask | None = None  # None: the default of Mask where it allows, nothing where it only restricts
    unknown_fields: Literal["pass", "refuse"] = "pass"
    approve: Approve | None = None
    route: tuple[str, ...] = ()
    keep_in: KeepIn | None = None
    flag: tuple[str, ...] = ()
    require: tuple[Literal["signature"], ...] = ()
    injection: Literal["pass", "flag", "block"] = "pass"


_SIDES: dict[str, Side] = {"request": "request", "response": "response"}
_MASK = Shape(
    Mask,
    {
        "entities": Key(
            ListOf(kinds.Choice("entity", ENTITY_NAMES), may_be_empty=True),
            "Kinds of sensitive value that are masked; [] switches masking off.",
        ),
        "where": Key(ListOf(kinds.Choice("side", _SIDES)), "Whether requests, responses or both are masked."),
    },
)
_APPROVE = Shape(
    Approve, {"by": Key(ListOf(kinds.GROUP), "The groups whose members may approve a use, one of them each time.")}
)

_REQUIREMENTS: dict[str, Literal["signature"]] = {"signature": "signature"}

EFFECTS: Mapping[str, Key] = {
    "limits": Key(LIMITS, "How much each principal may use under this policy."),
    "mask": Key(_MASK, "What is masked; without this key, a policy that allows masks secrets, both ways."),
    "unknown_fields": Key(
        kinds.Choice("treatment", {"pass": "pass", "refuse": "refuse"}),
        "Whether request fields that the API does not define pass unchanged or are refused.",
    ),
    "approve": Key(_APPROVE, "A use needs the approval of a person; where nobody can be asked, it is refused."),
    "route": Key(ListOf(kinds.ROUTE), "The only targets that may serve a use, by name or as region:name."),
    "keep_in": Key(KEEP_IN, "Where the bytes of a use may be: regions and jurisdictions, for all of it or by kind."),
    "require": Key(ListOf(kinds.Choice("requirement", _REQUIREMENTS)), "What a request must have: a signature."),
    "injection": Key(
        kinds.Choice("treatment", {"pass": "pass", "flag": "flag", "block": "block"}),
        "Whether SQL, templates, paths and commands in structured parameters pass, are noted, or are refused.",
    ),
    "flag": Key(ListOf(kinds.SECTION_NAME), "Words that go on the records of a use."),
}
BUNDLES: Kind[dict[str, Effects]] = MapOf(kinds.SECTION_NAME, Shape(Effects, EFFECTS))


def said(effects: Effects) -> list[str]:
    """The keys that are written, those at their defaults left out."""
    return [field.name for field in msgspec.structs.fields(Effects) if getattr(effects, field.name) != field.default]
