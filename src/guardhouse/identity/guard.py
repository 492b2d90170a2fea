"""Failed sign-ins, counted where they come from and at what they aim; from a burst on, whoever fails is sent away.

Two things are counted: the address of the caller (of IPv6 the /64, which one machine can fill by itself) and the key
whose id was presented with a wrong secret. After `failures` failures, none of them longer than `window` after the one
before, both answers and patience change: for `first` seconds a failure is answered with 429 and the connection is
closed; the next failure after that does the same for twice as long, and so on up to `longest`. `window` without a
failure forgets it all.

What this is for: a key has too many bits to be guessed, so the aim is to make a flood of failures cheap to refuse, and
seen. Therefore only failures are sent away. A valid credential passes however many others fail behind the same address,
and nobody can lock out the holder of a key by failing with its id. `strict` changes the first half of that: an
address that is being sent away gets nothing at all, valid credential or not.

Memory is bounded: `MOST` subjects are remembered, and the one whose last failure is longest ago goes first. Time is
the caller's.
"""

import ipaddress

import msgspec

MOST = 10_000  # addresses and keys remembered


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How many failures are borne, and for how long the next ones are sent away; times in seconds."""

    failures: int = 10
    window: float = 60.0
    first: float = 1.0
    longest: float = 300.0
    strict: bool = False


class Burst(msgspec.Struct, frozen=True):
    """So many failures in a row that the next ones are sent away: worth an event."""

    of: str  # "address" or "credential"
    subject: str
    failures: int
    seconds: float


class Setback(msgspec.Struct, frozen=True):
    """What a failure has come to: `wait` seconds before the next attempt, and the bursts that it completed."""

    wait: float
    bursts: tuple[Burst, ...] = ()


class _Trail:
    __slots__ = ("count", "last", "level", "until")

    def __init__(self, now: float) -> None:
        self.count = 0
        self.level = 0  # how often in a row it was sent away
        self.last = now
        self.until = 0.0


class Guard:
    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._trails: dict[tuple[str, str], _Trail] = {}  # the most recent failure last
        self.strict = patience.strict

    def __len__(self) -> int:
        return len(self._trails)

    def __repr__(self) -> str:
        return f"<Guard of {len(self)} trails>"

    def failed(self, address: str, credential: str, now: float) -> Setback:
        """Notes a failure; `credential` is the id of the key that was aimed at, if there is such a key."""
        subjects = [("address", source_of(address))]
        if credential:
            subjects.append(("credential", credential))
        wait = 0.0
        bursts: list[Burst] = []
        for subject in subjects:
            trail = self._trail(subject, now)
            wait = max(wait, trail.until - now)
            burst = self._note(subject, trail, now)
            if burst is not None:
                bursts.append(burst)
        return Setback(wait, tuple(bursts))

    def wait(self, address: str, now: float) -> float:
        """For how long this address is being sent away; not more than 0 when it is not."""
        trail = self._trails.get(("address", source_of(address))) if self._trails else None
        return 0.0 if trail is None or self._is_over(trail, now) else trail.until - now

    def _trail(self, subject: tuple[str, str], now: float) -> _Trail:
        trail = self._trails.pop(subject, None)
        if trail is None or self._is_over(trail, now):
            trail = _Trail(now)
        self._trails[subject] = trail
        if len(self._trails) > MOST:
            del self._trails[next(iter(self._trails))]
        return trail

    def _is_over(self, trail: _Trail, now: float) -> bool:
        """By time, or because the clock was set back: nobody is sent away until a day that is still to come."""
        return now - max(trail.last, trail.until) > self._patience.window or trail.last - now > self._patience.window

    def _note(self, subject: tuple[str, str], trail: _Trail, now: float) -> Burst | None:
        patience = self._patience
        trail.count += 1
        trail.last = now
        if now < trail.until or trail.count < patience.failures:
            return None
        seconds = min(patience.first * 2.0 ** min(trail.level, 64), patience.longest)
        trail.level += 1
        trail.until = now + seconds
        return Burst(*subject, trail.count, seconds)


def source_of(address: str) -> str:
    """What an address counts as: itself, or the /64 that it is in."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped is not None else f"{ipaddress.IPv6Address(int(parsed) >> 64 << 64)}/64"
