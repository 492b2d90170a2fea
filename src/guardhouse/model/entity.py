"""The kinds of sensitive value that a policy can have masked, by the names used in configuration and in the journal.

An entity is a bit, so that a set of them is one integer: scanning and masking compare sets at the price of `&`.
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
EVERY_ENTITY = ~Entity(0)

# what a policy may write under `mask.entities`: each entity by its own name, and the groups
ENTITY_NAMES: dict[str, Entity] = {
    **{entity.name.lower(): entity for entity in Entity if entity.name},
    "secrets": SECRETS,
    "all": EVERY_ENTITY,
}
