"""Who is asking at the admin port: the same credentials as at the data port, judged by the same code.

The control process keeps no table of keys. It takes the one that matters from the store for each question: the key that
was presented, or the one that a presented token descends from. What is known of issuers and revocations it reads from
its own bulletin, so a worker and this process never differ by more than one look. Nobody is identified by a token or
session while that cannot be trusted, nor when whoever vouched for it is not in the policy of `edition` any more.

Failures are counted as they are at the data port (identity/guard.py), and told to the journal alike.
"""

from collections.abc import Callable

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event
from guardhouse.control.state import State
from guardhouse.control.store import Store
from guardhouse.identity import jws, tokens
from guardhouse.identity.api_keys import is_key_id, key_of, parse
from guardhouse.identity.flaw import Flaw
from guardhouse.identity.guard import Guard
from guardhouse.identity.key_table import KeyTable
from guardhouse.identity.tokens import TokenTable
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret
from guardhouse.policy.edition import Edition, unseal, vouchers_of
from guardhouse.policy.settings import Settings

_FAILURES = (Reason.CREDENTIAL_INVALID, Reason.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REVOKED)


class Callers:
    def __init__(
        self,
        settings: Settings,
        state: State,
        store: Store,
        pepper: Secret,
        journal: Journal,
        *,
        edition: Callable[[], Edition] | None = None,
    ) -> None:
        self._store = store
        self._pepper = key_of(pepper)
        self._tokens = TokenTable(settings.identity.issuers, state.issuers, state.wanted)
        self._guard = Guard(settings.signins)
        self._journal = journal
        self._stale_after = settings.identity.stale_after
        self._edition = edition
        self._revision = ""  # whose vouchers are believed

    def __repr__(self) -> str:
        return f"<Callers {self._tokens!r}>"

    def identify(self, presented: bytes, client: str, now: float) -> Principal | Denial:
        """Whose credential this is. `client`: the address it came from."""
        if self._guard.strict and (wait := self._guard.wait(client, now)) > 0.0:
            return Denial(Reason.SIGNIN_BACKOFF, retry_after=wait)
        found = self._judge(presented, now)
        if isinstance(found, Principal) or found.reason not in _FAILURES:
            return found
        wait = self.failed(client, parse(presented) or "", now)
        if wait > 0.0:
            return Denial(Reason.SIGNIN_BACKOFF, found.detail or found.reason.message, retry_after=wait)
        return found

    def failed(self, client: str, credential: str, now: float) -> float:
        """Count a failure of an address, or with a credential's id; for how long it is sent away now."""
        setback = self._guard.failed(client, credential, now)
        for burst in setback.bursts:
            facts: dict[str, str | int | float | bool] = {"of": burst.of, "subject": burst.subject}
            facts |= {"failures": burst.failures, "seconds": burst.seconds}
            self._journal.append(
                Event(at=now, name="identity.failure_burst", severity="warning", client=client, facts=facts)
            )
        return setback.wait

    def away(self, client: str, now: float) -> float:
        """For how long all that comes from an address is sent away; not more than 0 unless strictness is asked for."""
        return self._guard.wait(client, now) if self._guard.strict else 0.0

    def ended(self, principal: Principal, now: float) -> Denial | None:
        """Whether the credential of somebody who was identified before, or what it descends from, was revoked since."""
        if (stale := self._renew(now)) is not None:
            return stale
        flaw = self._tokens.ended(principal, self._keys(next(iter(principal.grantors), None)), now)
        return None if flaw is None else flaw.denial()

    def _judge(self, presented: bytes, now: float) -> Principal | Denial:
        if not tokens.is_token(presented):
            judged = self._keys(parse(presented)).identify(presented, now)
            return Denial(judged) if isinstance(judged, Reason) else judged
        if (stale := self._renew(now)) is not None:
            return stale
        keys, digest = self._keys(_grantor_claimed(presented)), tokens.read(presented).digest
        found = self._tokens.known(digest, keys, now) or self._tokens.verify(presented, digest, keys, now)
        return found.denial() if isinstance(found, Flaw) else found

    def _renew(self, now: float) -> Denial | None:
        """Take over what is new; a denial if it cannot be trusted any more."""
        self._tokens.load()
        active = None if self._edition is None else self._edition().active
        if active is not None and active.revision != self._revision:
            self._tokens.believe(vouchers_of(unseal(active)))
            self._revision = active.revision
        stale = self._tokens.age(now) > self._stale_after
        return Denial(Reason.IDENTITY_STALE, retry_after=5.0) if stale else None

    def _keys(self, key_id: str | None) -> KeyTable:
        record = None if key_id is None else self._store.get(key_id)
        return KeyTable(self._pepper, () if record is None else (record,))


def _grantor_claimed(token: bytes) -> str | None:
    """The key that a token says it descends from. Not believed: it only says which record to have at hand."""
    signed = jws.read(token)
    grantors = None if isinstance(signed, Flaw) else signed.claims.get("grantors")
    first = grantors[0] if isinstance(grantors, list) and grantors else None
    return first if isinstance(first, str) and is_key_id(first) else None
