"""How many bytes a worker holds, for whom, and who waits until there is room for more.

A worker has two of these: one for requests, one for answers (see holding.py). Each has a limit, and shares it out by
one rule: nobody may hold more than what would be left for everybody else. So a single owner gets half of the limit, two
who take what they can a third each, any number of them leave room for one more, and what one owner does not use is
there for the others. No owner has to be known beforehand, and none can take what others have.

Bytes are taken before they are held and given back exactly once: a Charge knows how many are its own. Who finds no room
may wait, holding next to nothing meanwhile, until all that it wants is free at once; so those who wait can never hold
up each other, and each that has what it wants can go on to its end. What they hold while waiting is set aside from
the rest: an eighth of the limit, shared out by the same rule. Of one owner the longest waiting goes first; owners take
turns.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_SET_ASIDE: Final = 8  # the part of the limit that those who wait may hold
_LEAST: Final = 1024  # bytes that count for one who waits, however little has come of its body
_QUIET: Final = 60.0  # seconds


class Charge:
    """So many bytes of one owner."""

    __slots__ = ("_memory", "owner", "size")

    def __init__(self, memory: "Memory", owner: str, size: int) -> None:
        self._memory = memory
        self.owner = owner
        self.size = size

    def __repr__(self) -> str:
        return f"<Charge of {self.size} bytes>"

    def resize(self, size: int) -> bool:
        """False, and nothing has changed, if there is no room for what is more."""
        more = size - self.size
        if more > 0 and not self._memory.take(self.owner, more):
            return False
        self.size = size
        if more < 0:
            self._memory.give(self.owner, -more)
        return True

    def give_back(self) -> None:
        self.resize(0)


class Claim(Charge):
    """One that waits to become larger, or has."""

    __slots__ = ("called", "waits", "wanted")

    def __init__(self, memory: "Memory", owner: str, size: int, wanted: int, called: Callable[[], None]) -> None:
        super().__init__(memory, owner, size)
        self.wanted = wanted
        self.called = called
        self.waits = True

    def give_back(self) -> None:
        self._memory.leave(self)
        self.resize(0)


class Pool:
    """A number of bytes, shared out by the rule."""

    __slots__ = ("_by_owner", "held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._by_owner: dict[str, int] = {}

    def take(self, owner: str, size: int) -> bool:
        own = self._by_owner.get(owner, 0) + size
        held = self.held + size
        if own > self.limit - held:
            return False
        self._by_owner[owner] = own
        self.held = held
        return True

    def give(self, owner: str, size: int) -> None:
        self.held -= size
        left = self._by_owner[owner] - size
        if left:
            self._by_owner[owner] = left
        else:
            del self._by_owner[owner]

    def of(self, owner: str) -> int:
        return self._by_owner.get(owner, 0)


class Memory:
    __slots__ = ("_aside", "_claims", "_pool", "_schedule", "_told", "_waking", "limit", "name")

    def __init__(self, name: str, limit: int, schedule: Callable[[Callable[[], None]], object]) -> None:
        self.name = name
        self.limit = limit
        self._aside = Pool(limit // _SET_ASIDE)
        self._pool = Pool(limit - self._aside.limit)
        self._claims: dict[str, OrderedDict[Claim, None]] = {}  # of each owner, those who wait
        self._schedule = schedule
        self._waking = False
        self._told = -_QUIET

    def __repr__(self) -> str:
        return f"<Memory for {self.name}: {self.held} of {self.limit} held, {self.waiting} waiting>"

    @property
    def held(self) -> int:
        return self._pool.held + self._aside.held

    @property
    def waiting(self) -> int:
        return sum([len(claims) for claims in self._claims.values()])

    def of(self, owner: str) -> int:
        return self._pool.of(owner) + self._aside.of(owner)

    def charge(self, owner: str, size: int) -> Charge | None:
        """None: there is no room."""
        return Charge(self, owner, size) if self.take(owner, size) else None

    def take(self, owner: str, size: int) -> bool:
        return self._pool.take(owner, size)

    def give(self, owner: str, size: int) -> None:
        self._pool.give(owner, size)
        if self._claims and not self._waking:
            self._waking = True
            self._schedule(self._wake)  # not from here: whoever gives back has not finished

    def wait(self, owner: str, size: int, wanted: int, called: Callable[[], None]) -> Claim | None:
        """Hold `size` now and be called when it has become `wanted`; None if not even that is possible."""
        size = min(max(size, _LEAST), wanted)
        if not self._aside.take(owner, size):
            return None
        claim = Claim(self, owner, size, wanted, called)
        claims = self._claims.get(owner)
        if claims is None:
            claims = self._claims[owner] = OrderedDict()
        claims[claim] = None
        return claim

    def leave(self, claim: Claim) -> None:
        """It waits no more and holds nothing."""
        if not claim.waits:
            return
        claim.waits = False
        claims = self._claims[claim.owner]
        del claims[claim]
        if not claims:
            del self._claims[claim.owner]
        self._aside.give(claim.owner, claim.size)
        claim.size = 0

    def is_news(self, now: float) -> bool:
        """Whether somebody is refused for the first time in a while."""
        before, self._told = self._told, now
        return now - before >= _QUIET

    def _wake(self) -> None:
        """Round by round, so that no owner has two before another has one."""
        self._waking = False
        ready: list[Claim] = []
        found = True
        while found:
            found = False
            for owner in list(self._claims):
                claim = next(iter(self._claims[owner]))
                if self.take(owner, claim.wanted):
                    found = True
                    ready.append(claim)
                    self.leave(claim)
                    claim.size = claim.wanted
        for claim in ready:
            claim.called()
