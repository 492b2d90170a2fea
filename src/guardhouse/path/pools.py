"""Every connection pool of a worker, by target, and the wards that tell how the targets are.

Equal targets of two snapshots share one pool, different ones never do. A target that no snapshot has any more is
retired: its pool takes nothing new, is swept like the others for what is under way in it, and goes when the last of its
connections does.
"""

from asyncio import AbstractEventLoop
from typing import Final

from guardhouse.path.upstream import Dial, Pool
from guardhouse.path.wards import Wards
from guardhouse.policy.settings import Upstream
from guardhouse.policy.snapshot import Target

_LOOK_EVERY: Final = 1.0  # seconds


class Upstreams:
    __slots__ = ("_dial", "_looked", "_loop", "_pools", "_retired", "_settings", "wards")

    def __init__(self, settings: Upstream, loop: AbstractEventLoop, dial: Dial) -> None:
        self._dial = dial
        self._settings = settings
        self._loop = loop
        self._pools: dict[Target, Pool] = {}
        self._retired: list[Pool] = []
        self._looked = 0.0
        self.wards = Wards()

    def __repr__(self) -> str:
        return f"<Upstreams {list(self._pools.values())}, {len(self._retired)} retired>"

    def pool(self, target: Target) -> Pool:
        pool = self._pools.get(target)
        if pool is None:
            pool = self._pools[target] = Pool(target, self._settings, self._loop, self._dial, self.wards.of(target))
        return pool

    def keep_only(self, targets: set[Target]) -> None:
        """Retire what is not among the targets of the snapshots that are in use now."""
        for target in [target for target in self._pools if target not in targets]:
            pool = self._pools.pop(target)
            pool.retire()
            self._retired.append(pool)
        self.wards.keep_only(targets)

    def sweep(self, now: float) -> None:
        for pool in self._pools.values():
            pool.sweep(now)
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            self.wards.sweep(now)
            for pool in self._pools.values():
                pool.look(now)
        if self._retired:
            for pool in self._retired:
                pool.sweep(now)
            self._retired = [pool for pool in self._retired if not pool.is_empty()]

    def close(self) -> None:
        for pool in (*self._pools.values(), *self._retired):
            pool.close()
