"""The kinds of sensitive value that a policy can have masked, by the names used in configuration and in the journal.

An entity is a bit, so that a set of them is one integer: scanning and masking compare sets at the price of `&`. The
bits are 1, 2, 4 and so on without a gap: what the scanner knows besides stands above them, and inspect/entities.py has
a table with a place for every set, which bounds their number at a dozen or so. A new one needs an exact rule there, its
coarse twin in inspect/scanner.py, and a sample in the tests.
"""

from enum import IntFlag


class Entity(IntFlag):
    EMAIL = 1
    PHONE = 2
    CARD = 4
    IBAN = 8
    SSN = 16
    IP = 32
    PRIVATE_KEY = 64
    API_KEY = 128


NO_ENTITIES = Entity(0)
SECRETS = Entity.PRIVATE_KEY | Entity.API_KEY
ENTITY_BITS = (1 << len(Entity)) - 1
EVERY_ENTITY = Entity(ENTITY_BITS)

# what a policy may write under `mask.entities`: each entity by its own name, and the groups
ENTITY_NAMES: dict[str, Entity] = {
    **{entity.name.lower(): entity for entity in Entity if entity.name},
    "secrets": SECRETS,
    "all": EVERY_ENTITY,
}
