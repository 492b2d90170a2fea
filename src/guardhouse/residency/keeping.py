"""What a rule says: which kind of bytes may be where.

A requirement is about one kind: `content`, the texts of prompts and answers; `servers`, the same as far as model
servers have it and not the gateway, for who is authorised for some regions rather than bound to them; `metadata`, what
is told of an exchange without its content (who, when, which model, how much, keyed hashes); `sign_ins`, who signs in at
the admin port; a kind of sensitive value inside of texts, by the name of the entity; or the texts of one role, as
`tool_texts`. Several requirements add up: bytes may be only where all of them let them be. There is no requirement that
widens another.

`own` names attributes of callers: the regions that their values mean are admitted as well as those in `within`. What
such a requirement admits is known only when somebody calls, and of a caller without the attribute nothing is.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from guardhouse.model.entity import ENTITY_NAMES

CONTENT: Final = "content"
METADATA: Final = "metadata"
SERVERS: Final = "servers"
SIGN_INS: Final = "sign_ins"
EXCHANGE: Final = (CONTENT, METADATA)  # what a rule means that names no kind

ROLES: Mapping[str, str] = {f"{role}_texts": role for role in ("system", "user", "assistant", "tool")}
PARTS: Final = frozenset((*ENTITY_NAMES, *ROLES))  # of content; they can be taken out of it
BARRING: Final = frozenset((CONTENT, SERVERS))  # whoever may not have these gets nothing at all
KINDS: Final = (CONTENT, SERVERS, METADATA, SIGN_INS, *ENTITY_NAMES, *ROLES)

Meaning = Callable[[Iterable[str]], frozenset[str]]
Values = Mapping[str, frozenset[str]]  # attributes of a caller


class Requirement(msgspec.Struct, frozen=True, cache_hash=True):
    of: str
    within: frozenset[str]  # names of regions
    own: tuple[str, ...]  # names of attributes
    by: str  # the rule that says so, for people

    def admitted(self, values: Values, meaning: Meaning) -> frozenset[str]:
        """The regions that are admitted for a caller of these attributes."""
        within = self.within
        for name in self.own:
            within |= meaning(values.get(name, ()))
        return within


Keep = tuple[Requirement, ...]


def concerns(of: str, held: frozenset[str]) -> bool:
    """Whether a requirement of this kind speaks of something that holds bytes of those kinds."""
    return of in held or (of in PARTS and CONTENT in held)
