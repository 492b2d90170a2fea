"""What is equal when the same question is asked twice, once directly and once through the gateway.

A model server gives each answer its own id, time and timings; everything else has to be the same: types, members, their
order in the stream, and with temperature 0 the very text. `comparable` removes what differs by nature and nothing more.
"""

from typing import Any

import pydantic

# differs between two runs of the same server
VOLATILE = frozenset({"id", "created", "created_at", "completed_at", "timings", "item_id", "system_fingerprint"})


def comparable(value: Any) -> Any:
    """A tree of plain values without the volatile members; models keep the name of their type."""
    if isinstance(value, pydantic.BaseModel):
        return {"(type)": type(value).__name__, **comparable(value.model_dump(exclude_unset=True))}
    if isinstance(value, dict):
        return {key: comparable(each) for key, each in value.items() if key not in VOLATILE}
    if isinstance(value, list | tuple):
        return [comparable(each) for each in value]
    return value
