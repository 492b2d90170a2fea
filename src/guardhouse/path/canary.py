"""A candidate policy that decides for a share of the principals, the same ones as long as it is tried."""

from guardhouse.policy.shares import Shares
from guardhouse.policy.snapshot import Snapshot

_WHAT = "canary"


class Canary:
    __slots__ = ("_share", "_shares", "snapshot")

    def __init__(self, snapshot: Snapshot, share: float, shares: Shares) -> None:
        self.snapshot = snapshot
        self._share = share
        self._shares = shares

    def __repr__(self) -> str:
        return f"<Canary {self.snapshot.revision} for {self._share:g} %>"

    def takes(self, principal_id: str) -> bool:
        return self._shares.position(_WHAT, principal_id) < self._share
