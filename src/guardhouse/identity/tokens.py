"""Tokens at the data path: whose token is this, and does it still count?

A token is verified once, in full (jws.py, claims.py, minted.py), and remembered under the SHA-256 of all its bytes; the
next request with it costs a look-up. What is remembered counts until the token ends, its key is no longer published, it
or a credential that it descends from is revoked, the issuer's keys have not been renewed for its `stale_after`, or the
policy in force has no such issuer any more (vouchers.py). Nothing is remembered of tokens that were refused, so
refusals cannot push out others.

Keys come with the bulletin of the control process and revocations with its feed, both of which are looked at a few
times a second; after a revocation, whatever is remembered is looked up among them once when it is next used, so that
one more costs the same however many there are.

A worker never asks an issuer anything. A token with a key id that is not known makes it touch a file with the issuer's
name, once a second at most, however many such tokens come; the control process looks at the file and decides when to
ask (control/issuer_keys.py).
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from guardhouse.identity import claims, jws, minted
from guardhouse.identity.api_keys import PREFIX
from guardhouse.identity.flaw import Flaw
from guardhouse.identity.issuer_bulletin import NAME as ISSUERS
from guardhouse.identity.issuer_bulletin import IssuerBulletin, IssuerKeys
from guardhouse.identity.issuers import Issuer
from guardhouse.identity.jwks import PublicKey, VerifyingKey, verifying
from guardhouse.identity.key_table import KeyTable
from guardhouse.identity.revocation_feed import NAME, RevocationFeed
from guardhouse.identity.vouchers import Vouchers
from guardhouse.model.bulletin import Bulletin
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason

MOST_REMEMBERED = 20_000
_ASK_EVERY = 1.0  # seconds
_KINDS = frozenset({"", "jwt", "at+jwt", "jose"})
_FOREVER = float("inf")
_NOTHING_TOLD = IssuerKeys("", (), float("-inf"))
_GRANTORS = {Reason.CREDENTIAL_EXPIRED: Flaw.GRANTOR_EXPIRED}


class _Voucher:
    """An issuer as this process knows it now; the gateway itself is one, with `issuer` None."""

    __slots__ = ("asked_at", "good_until", "issuer", "keys", "published")

    def __init__(self, issuer: Issuer | None) -> None:
        self.issuer = issuer
        self.keys: tuple[VerifyingKey, ...] = ()
        self.published: tuple[PublicKey, ...] = ()
        self.good_until = 0.0
        self.asked_at = 0.0

    def renew(self, keys: Iterable[PublicKey], good_until: float) -> None:
        self.good_until = good_until
        published = tuple(keys)
        if published == self.published:
            return
        self.published = published
        known = {key.public: key for key in self.keys}
        made = [known.pop(public, None) or verifying(public) for public in published]
        self.keys = tuple(key for key in made if key is not None)
        for gone in known.values():
            gone.live = False


class _Remembered:
    __slots__ = ("changes", "ends", "grantor_key", "key", "principal", "voucher")

    def __init__(self, principal: Principal, voucher: _Voucher, key: VerifyingKey, changes: int) -> None:
        self.changes = changes  # of the revocations that it was last looked up among
        self.principal = principal
        self.voucher = voucher
        self.key = key
        self.ends: float = _FOREVER if principal.expires_at is None else principal.expires_at
        self.grantor_key = _grantor_key(principal)


class PresentedToken:
    """A token as it was presented: the digest of the whole, under which it may be known. Not the token."""

    __slots__ = ("digest",)

    def __init__(self, digest: bytes) -> None:
        self.digest = digest

    def __repr__(self) -> str:
        return "PresentedToken(…)"


class TokenTable:
    """The tokens a process knows, and the keys and revocations that decide over the ones it does not.

    The feed of revocations lies beside the bulletin."""

    __slots__ = (
        "_believed",
        "_bulletin",
        "_by_name",
        "_changes",
        "_issuers",
        "_own",
        "_remembered",
        "_revocations",
        "_revoked",
        "_vouchers",
        "_wanted",
        "touched",
    )

    def __init__(self, issuers: Mapping[str, Issuer], bulletin: Path, wanted: Path) -> None:
        self._bulletin = Bulletin(bulletin, IssuerBulletin)
        self._by_name = {name: _Voucher(issuer) for name, issuer in issuers.items()}
        self._issuers = {issuer.issuer: self._by_name[name] for name, issuer in issuers.items()}
        self._own = _Voucher(None)
        self._remembered: dict[bytes, _Remembered] = {}
        self._revocations = RevocationFeed(bulletin.with_name(NAME))
        self._revoked: dict[str, float] = {}
        self._changes = 0
        self._vouchers: Vouchers | None = None
        self.touched: float = -_FOREVER  # the control process's last sign of life, if what it says can be trusted
        self._believed = 0  # how often they have changed
        self._wanted = wanted

    def __len__(self) -> int:
        return len(self._remembered)

    def __repr__(self) -> str:
        return f"<TokenTable {len(self._by_name)} issuers, {len(self)} tokens>"

    def age(self, now: float) -> float:
        """Seconds since the control process last gave a sign of life; infinite when what it says cannot be trusted."""
        return now - self.touched

    def unsound(self) -> list[str]:
        """The files that lie there and are not what the control process has written, by name."""
        found = [NAME] if self._revocations.condemned else []
        return [*found, ISSUERS] if self._bulletin.unreadable else found

    def awaited(self, now: float) -> list[str]:
        """What this has not been told yet and will be, by name: files, and issuers that are still being asked."""
        found = [] if self._revocations.age(now) < _FOREVER else [NAME]
        told = self._bulletin.current
        if told is None:
            return [*found, ISSUERS]
        asked = (name for name, voucher in self._by_name.items() if voucher.good_until <= now)
        return [*found, *(name for name in asked if name not in told.unavailable)]

    def believe(self, vouchers: Vouchers) -> None:
        """From now on, only whom these vouch for."""
        if vouchers != self._vouchers:
            self._vouchers = vouchers
            self._believed += 1
            self._changes += 1

    def load(self) -> None:
        """Take over everything that was published."""
        while self.refresh():
            pass

    def refresh(self) -> bool:
        """Take over what was published since, a part of it at a time; True when there is more."""
        more = self._revocations.refresh()
        self._revoked, self._changes = self._revocations.revoked, self._revocations.changes + self._believed
        if self._bulletin.refresh():
            self._take_over_keys()
        self.touched = min(self._bulletin.touched, self._revocations.touched)
        return more

    def _take_over_keys(self) -> None:
        if self._bulletin.current is None:
            return
        news = self._bulletin.current
        for name, voucher in self._by_name.items():
            assert voucher.issuer is not None
            told = news.issuers.get(name, _NOTHING_TOLD)
            if told.issuer != voucher.issuer.issuer:
                told = _NOTHING_TOLD
            voucher.renew(told.keys, told.fetched_at + voucher.issuer.stale_after)
        self._own.renew(news.own, _FOREVER)

    def known(self, digest: bytes, keys: KeyTable, now: float) -> Principal | Flaw | None:
        """The principal of a token that was verified before and still counts; None: it has to be verified."""
        kept = self._remembered.get(digest)
        if kept is None or not kept.key.live:
            return None
        if kept.ends <= now:
            del self._remembered[digest]
            return Flaw.EXPIRED
        if kept.voucher.good_until <= now:
            return Flaw.STALE
        if kept.grantor_key and (reason := keys.ended(kept.grantor_key, now)) is not None:
            return _GRANTORS.get(reason, Flaw.GRANTOR_REVOKED)
        if kept.changes != self._changes:
            if (flaw := self._taken_back(kept.principal)) is not None:
                return flaw
            kept.changes = self._changes
        return kept.principal

    def ended(self, principal: Principal, keys: KeyTable, now: float) -> Flaw | None:
        """Why somebody who was identified by something else than an API key of its own is so no longer."""
        if principal.expires_at is not None and principal.expires_at <= now:
            return Flaw.EXPIRED
        if (flaw := self._taken_back(principal)) is not None:
            return flaw
        grantor_key = _grantor_key(principal)
        if grantor_key and (reason := keys.ended(grantor_key, now)) is not None:
            return _GRANTORS.get(reason, Flaw.GRANTOR_REVOKED)
        return None

    def verify(self, token: bytes, digest: bytes, keys: KeyTable, now: float) -> Principal | Flaw:
        """The whole of it, for a token that is not `known`."""
        signed = jws.read(token)
        if isinstance(signed, Flaw):
            return signed
        claimed = signed.claims.get("iss")
        if claimed == minted.ISSUER:
            return self._verify_own(signed, digest, keys, now)
        voucher = self._issuers.get(claimed) if isinstance(claimed, str) else None
        if voucher is None or voucher.issuer is None:
            return Flaw.ISSUER
        if signed.kind not in _KINDS:
            return Flaw.TYPE
        if signed.algorithm not in voucher.issuer.algorithms:
            return Flaw.ALGORITHM
        if voucher.good_until <= now:
            return Flaw.STALE
        key = jws.verified_by(signed, voucher.keys)
        if isinstance(key, Flaw):
            if key is Flaw.KEY:
                self._ask_for(voucher, now)
            return key
        principal = claims.identified(signed.claims, voucher.issuer, digest, now)
        if isinstance(principal, Flaw):
            return principal
        ended = self.ended(principal, keys, now)
        return ended or self._remember(digest, _Remembered(principal, voucher, key, self._changes), now)

    def _verify_own(self, signed: jws.Signed, digest: bytes, keys: KeyTable, now: float) -> Principal | Flaw:
        if signed.kind != minted.KIND:
            return Flaw.TYPE
        key = jws.verified_by(signed, self._own.keys)
        if isinstance(key, Flaw):
            return key
        read = minted.read_claims(signed.claims, now)
        if isinstance(read, Flaw):
            return read
        principal = minted.principal_of(read)
        if isinstance(principal, Flaw):
            return principal
        if principal.method == "oidc" and principal.issuer and principal.issuer not in self._by_name:
            return Flaw.ISSUER  # whoever vouched for its grantor is no longer believed
        ended = self.ended(principal, keys, now)
        return ended or self._remember(digest, _Remembered(principal, self._own, key, self._changes), now)

    def _remember(self, digest: bytes, entry: _Remembered, now: float) -> Principal:
        if len(self._remembered) >= MOST_REMEMBERED:
            self._make_room(now)
        self._remembered[digest] = entry
        return entry.principal

    def _make_room(self, now: float) -> None:
        """Forget what has ended, and the older half if that was not enough."""
        kept = [(digest, entry) for digest, entry in self._remembered.items() if entry.ends > now]
        self._remembered = dict(kept[-MOST_REMEMBERED // 2 :])

    def _taken_back(self, principal: Principal) -> Flaw | None:
        """Whether its credential was revoked, or one that this descends from; or nobody may vouch for it any more."""
        if self._vouchers is not None and not self._vouchers.vouch_for(principal):
            return Flaw.ISSUER
        if principal.credential_id in self._revoked:
            return Flaw.REVOKED
        for grantor in principal.grantors:
            if grantor in self._revoked:
                return Flaw.GRANTOR_REVOKED
        return None

    def _ask_for(self, voucher: _Voucher, now: float) -> None:
        if voucher.issuer is None or abs(now - voucher.asked_at) < _ASK_EVERY:
            return
        voucher.asked_at = now
        ask_for(self._wanted, voucher.issuer.name)


def ask_for(wanted: Path, issuer: str) -> None:
    """Leave word that a token named a key of `issuer` that is not known here."""
    try:
        (wanted / issuer).touch(mode=0o600)
    except OSError:
        return  # the keys come with the next regular look


def read(token: bytes) -> PresentedToken:
    return PresentedToken(hashlib.sha256(token).digest())


def is_token(presented: bytes) -> bool:
    """Whether something presented is to be judged as a token: API keys hold no dots."""
    return b"." in presented and not presented.startswith(PREFIX.encode())


def _grantor_key(principal: Principal) -> str:
    """The id of the API key that a token descends from; empty when there is none."""
    return principal.grantors[0] if principal.grantors and principal.method == "api_key" else ""
