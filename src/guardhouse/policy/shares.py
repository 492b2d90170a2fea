"""Who belongs to a share of the principals: the same ones each time, in every process and after every restart.

Each principal has a position between 0 and 100 for each thing that is shared out, and belongs to a share of N percent
if it is below N: so a share that grows keeps whom it has. The position is a keyed hash of the id, so that nobody can
choose an id for where it will stand, and two things shared out are independent of each other.
"""

from guardhouse.model.keyed_hash import KeyedHash

_RANGE = 2**64


class Shares:
    __slots__ = ("_digest",)

    def __init__(self, key: bytes) -> None:
        self._digest = KeyedHash(key).digest

    def __repr__(self) -> str:
        return "Shares(…)"

    def position(self, of: str, principal_id: str) -> float:
        """In percent, from 0 to just below 100. `of` names what is shared out; it holds no NUL."""
        digest = self._digest(f"{of}\0{principal_id}".encode())
        return int.from_bytes(digest[:8]) * 100 / _RANGE


NO_SHARES = Shares(b"")  # where there is no gateway whose own key would count
