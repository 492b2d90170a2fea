"""When to ask an issuer for its keys, and what to make of the answer.

Each issuer is asked every `refresh`, and besides when a token has named a key that nobody here knows; but never sooner
than `pause` after the last time, whatever tokens say. So a flood of tokens with made-up key ids costs the issuer one
question per pause, and a key that was just put to use is known after one pause at the latest. When asking fails, the
pauses grow up to `refresh`, and the last good keys go on counting until they are stale.

Whoever waits for the keys of a start has to wait no longer than `ANSWERED_WITHIN` for an issuer that says nothing: from
then on, as after a failure, it counts as `unavailable`, and so does one whose last good keys have become stale.

`Watch` decides and does no I/O but `fetch`, which tests replace; issuer_board.py runs it.
"""

from collections.abc import Awaitable, Callable

from guardhouse.audit.record import Event, Severity
from guardhouse.identity.issuer_bulletin import IssuerKeys
from guardhouse.identity.issuers import Issuer
from guardhouse.identity.jwks import PublicKey

Fetch = Callable[[Issuer], Awaitable[tuple[PublicKey, ...] | str]]
Note = Callable[[Event], None]

ANSWERED_WITHIN = 3.0  # seconds from the first question


class Watch:
    """One issuer and its keys."""

    def __init__(self, issuer: Issuer, kept: IssuerKeys | None, fetch: Fetch, note: Note) -> None:
        same = kept is not None and kept.issuer == issuer.issuer
        self.issuer = issuer
        self.keys = kept if kept is not None and same else None  # what was last published, before a restart as well
        self.succeeded = 0
        self.failed = 0
        self._fetch = fetch
        self._note = note
        self._asked_at = float("-inf")
        self._in_a_row = 0  # failures
        self._stale = False

    def __repr__(self) -> str:
        return f"<Watch {self.issuer.name}: {0 if self.keys is None else len(self.keys.keys)} keys>"

    def is_due(self, now: float, wanted_at: float) -> bool:
        """`wanted_at`: when a token last named an unknown key."""
        if now < self._asked_at:  # the clock was set back
            return True
        pause = min(self.issuer.pause * 2**self._in_a_row, max(self.issuer.refresh, self.issuer.pause))
        wanted = wanted_at > self._asked_at or self._in_a_row > 0
        return now - self._asked_at >= (pause if wanted else self.issuer.refresh)

    async def ask(self, now: float) -> bool:
        """True when there is something new to publish."""
        self._asked_at = now
        found = await self._fetch(self.issuer)
        if isinstance(found, str):
            self._fail(found, now)
            return False
        self.succeeded += 1
        if self._in_a_row:
            self._tell("identity.issuer_recovered", "notice", now)
        self._in_a_row = 0
        self._stale = False
        known = () if self.keys is None else self.keys.keys
        if set(found) != set(known):
            added, removed = len(set(found) - set(known)), len(set(known) - set(found))
            self._tell("identity.issuer_keys_changed", "notice", now, added=added, removed=removed)
        self.keys = IssuerKeys(self.issuer.issuer, found, now)
        return True

    def is_unavailable(self, now: float) -> bool:
        """Whether there are no keys that count, and it is not just being asked for the first time."""
        if self.keys is not None and now - self.keys.fetched_at <= self.issuer.stale_after:
            return False
        return self.succeeded + self.failed > 0 or ANSWERED_WITHIN <= now - self._asked_at < float("inf")

    def look_at_age(self, now: float) -> None:
        """Say once that there are no keys that count."""
        if not self._stale and self.is_unavailable(now):
            self._stale = True
            self._tell("identity.issuer_keys_stale", "alert", now)

    def _fail(self, why: str, now: float) -> None:
        self.failed += 1
        self._in_a_row = min(self._in_a_row + 1, 16)
        if self._in_a_row == 1:
            self._tell("identity.issuer_unreachable", "warning", now, why=why)

    def _tell(self, name: str, severity: Severity, now: float, **facts: str | int) -> None:
        self._note(Event(at=now, name=name, severity=severity, facts={"issuer": self.issuer.name, **facts}))
