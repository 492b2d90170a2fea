"""A queue that is fair between those who wait in it, however many things each of them puts in.

Self-clocked fair queueing: each thing gets a tag, the later of the queue's time and its owner's last tag, plus one over
the owner's weight; the smallest tag goes first and becomes the queue's time. So an owner who puts in a thousand things
waits behind itself, and one who comes now and then goes nearly at once; over time, busy owners get turns by weight.

Owners stand in ranks, and a rank has a weight. Who goes next is chosen among the ranks that may go now, by tag. When
the queue is full somebody has to leave: of the lowest rank that has anything in it the owner who has the most, and of
its things the last, be that the one that is just coming. Costs grow with the number of owners, not of things.

What leaves unserved is not held against its owner, if it was the last of its things; and it stays in the heap until it
comes to the top, or until there is more of such than of what waits: then it is cleared away, so that whoever comes and
leaves, or is turned away, over and over takes up no memory.
"""

from collections import deque
from heapq import heapify, heappop, heappush

_REMEMBERED = 64  # owners or things that have left, before they are looked through


class Place:
    """One thing in the queue."""

    __slots__ = ("gone", "owner", "rank", "tag")

    def __init__(self, owner: str, rank: int) -> None:
        self.owner = owner
        self.rank = rank
        self.tag = 0.0
        self.gone = False


class _Owner:
    __slots__ = ("count", "last", "things")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0  # tag
        self.things: deque[Place] = deque()  # those that are gone among them


class FairQueue:
    __slots__ = ("_depth", "_heaps", "_number", "_owners", "_present", "_size", "_time", "_weights")

    def __init__(self, weights: list[int], depth: int) -> None:
        self._weights = weights  # of each rank, the highest first
        self._depth = depth
        self._heaps: list[list[tuple[float, int, Place]]] = [[] for _ in weights]
        self._owners: list[dict[str, _Owner]] = [{} for _ in weights]
        self._present = [0 for _ in weights]  # things of each rank
        self._time = 0.0
        self._size = 0
        self._number = 0

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"<FairQueue of {self._size}, by rank {self._present}>"

    def all(self) -> list[Place]:
        """Whoever waits, in the order in which they would go if all might."""
        entries = sorted([entry for heap in self._heaps for entry in heap if not entry[2].gone])
        return [place for _, _, place in entries]

    def present(self, rank: int) -> int:
        """How much of this rank waits."""
        return self._present[rank]

    def put(self, place: Place) -> Place | None:
        """Who had to leave for it: another, the place itself, or nobody."""
        owner = self._owner(place)
        place.tag = max(self._time, owner.last) + 1.0 / self._weights[place.rank]
        owner.last = place.tag
        owner.count += 1
        owner.things.append(place)
        self._present[place.rank] += 1
        self._size += 1
        self._number += 1
        heappush(self._heaps[place.rank], (place.tag, self._number, place))
        if self._size <= self._depth:
            return None
        victim = self._victim(place)
        self.remove(victim)
        return victim

    def take(self, ranks: list[int]) -> Place | None:
        """The next of those that stand in one of `ranks`."""
        best: tuple[float, int, Place] | None = None
        for rank in ranks:
            heap = self._heaps[rank]
            while heap and heap[0][2].gone:
                heappop(heap)
            if heap and (best is None or heap[0] < best):
                best = heap[0]
        if best is None:
            return None
        place = best[2]
        self._time = max(self._time, place.tag)
        self._take_out(place)
        return place

    def remove(self, place: Place) -> None:
        """Take it out, wherever it stands."""
        if place.gone:
            return
        owner = self._owners[place.rank][place.owner]
        if owner.last == place.tag:
            owner.last -= 1.0 / self._weights[place.rank]
        self._take_out(place)
        if len(self._heaps[place.rank]) > 2 * self._present[place.rank] + _REMEMBERED:
            self._clear_away(place.rank)

    def _take_out(self, place: Place) -> None:
        place.gone = True
        owner = self._owners[place.rank][place.owner]
        owner.count -= 1
        while owner.things and owner.things[-1].gone:
            owner.things.pop()
        while owner.things and owner.things[0].gone:
            owner.things.popleft()
        self._present[place.rank] -= 1
        self._size -= 1
        if not self._size:
            self._forget_all()

    def _clear_away(self, rank: int) -> None:
        """All that is gone."""
        heap = self._heaps[rank] = [entry for entry in self._heaps[rank] if not entry[2].gone]
        heapify(heap)
        for owner in self._owners[rank].values():
            owner.things = deque([place for place in owner.things if not place.gone])

    def _owner(self, place: Place) -> _Owner:
        owners = self._owners[place.rank]
        owner = owners.get(place.owner)
        if owner is None:
            if len(owners) > 2 * self._present[place.rank] + _REMEMBERED:
                kept = {name: each for name, each in owners.items() if each.count or each.last > self._time}
                owners = self._owners[place.rank] = kept
            owner = owners[place.owner] = _Owner()
        return owner

    def _victim(self, coming: Place) -> Place:
        lowest = max([rank for rank, present in enumerate(self._present) if present])
        owners = self._owners[lowest]
        heaviest = owners[coming.owner] if coming.rank == lowest else None
        for owner in owners.values():
            if heaviest is None or owner.count > heaviest.count:
                heaviest = owner
        assert heaviest is not None
        return heaviest.things[-1]

    def _forget_all(self) -> None:
        """Nobody waits: whoever comes next owes nothing to anybody."""
        for heap, owners in zip(self._heaps, self._owners, strict=True):
            heap.clear()
            owners.clear()
