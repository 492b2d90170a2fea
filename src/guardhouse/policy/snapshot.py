"""Everything that decides over an exchange, compiled and frozen; a reload swaps one snapshot for the next as a whole.

Policies are numbered in the order of the file and a set of them is one integer with a bit per policy, so that "those
that speak of this caller and of this use" is one `&` however many there are. `everybody`, `ids` and `groups` say whom a
policy speaks of; `operations` and `uses` say what it gives. A model that is not in `models` is in no other index.

`revision` names the content of the configuration whatever its layout and comments, and a secret counts only by its
reference: exchanges with the same revision were decided under the same rules. compile.py builds these structs and
decide.py reads them; a new thing that a policy can say needs both, and a place in `Grant` if the data path is to act
on it.
"""

from typing import Literal

import msgspec

from guardhouse.limits.rate import LimitRule
from guardhouse.model.operation import Operation
from guardhouse.model.secret import Secret

Policies = int  # a set of policies: bit n is policy n of the file


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A model server: where it listens and how the gateway proves itself to it."""

    name: str
    kind: Literal["openai"]
    scheme: Literal["http", "https"]
    host: str
    port: int
    base_path: str = ""  # without trailing slash
    credential: Secret | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    targets: tuple[Target, ...]
    upstream_name: str


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What all policies that allow a use say about it together: the union of masks, every limit, the strictest rest."""

    policies: tuple[str, ...]
    mask_request: int  # bits of Entity, as plain integers: on the path an operation on flags costs half a microsecond
    mask_response: int
    refuse_unknown_fields: bool
    limits: tuple[LimitRule, ...]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    ids: frozenset[str]
    groups: frozenset[str]
    everybody: bool
    operations: frozenset[Operation]
    models: frozenset[str]  # configured names that its globs match
    grant: Grant  # what it says when it is the only one that matches


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    revision: str
    models: dict[str, Model]
    targets: dict[str, Target]
    policies: tuple[Policy, ...]
    everybody: Policies
    ids: dict[str, Policies]
    groups: dict[str, Policies]
    operations: dict[Operation, Policies]
    uses: dict[str, dict[Operation, Policies]]  # model -> operation -> policies that give it
