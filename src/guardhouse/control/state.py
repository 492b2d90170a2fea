"""The state directory: where everything lies, who may read it, and the secrets in it.

    secrets/pepper      HMAC key of API keys, and of it the key of ids (path/seals.py); lost or changed, both are void
    secrets/hash-key    HMAC key of the prompt hashes in the journal
    secrets/token-key   what the gateway signs its own tokens with, and token-key.previous (control/minting.py)
    secrets/report-key  what reports of residency are signed with, Ed25519; made by the first of them
    store.sqlite        the key store (control/store.py) and the history of the policy (control/revisions.py)
    keys.feed           what workers know of it (identity/key_feed.py)
    standing.json       what operators have switched off, for the workers (control/standing_publisher.py)
    issuers.json        what workers know of tokens (identity/issuer_bulletin.py)
    revoked.feed        which tokens were revoked (identity/revocation_feed.py)
    policy.json         the policy that workers go by (policy/edition.py)
    journal/wN/         what worker N recorded (audit/journal.py)
    limits/wN.json      what quotas and budgets were at some point of that journal (limits/ledger.py)
    metrics.json        how far the metrics have read it, and their figures (readers/metrics.py)
    refusals.json       which rules of `suspend` were met of late (readers/hits.py)
    run/                the lock of the supervisor, and what workers ask for

A secret is 32 random bytes as hexadecimal text in a file of mode 0600. It is written under a temporary name and then
linked into place, which fails when there is one already: a secret is never overwritten, and never seen half-written.
A secret file that others may read, or that holds anything else, is refused with what to do about it, since going on
would either trust a secret that is none any more or void every key there is.
"""

import contextlib
import fcntl
import hmac
import os
import re
import secrets
import stat
from pathlib import Path

import msgspec

from guardhouse.identity import issuer_bulletin, revocation_feed
from guardhouse.model.secret import Secret
from guardhouse.policy.shares import Shares

SECRET_BYTES = 32
_SECRET = re.compile(r"[0-9a-f]{64}\n?")


class StateRefused(OSError):  # noqa: N818 - it names what became of the state
    """The state directory cannot be used as it is; the message says what to do."""


class Secrets(msgspec.Struct, frozen=True):
    pepper: Secret
    hash_key: Secret


class State:
    """The places in one state directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.secrets = root / "secrets"
        self.pepper = self.secrets / "pepper"
        self.hash_key = self.secrets / "hash-key"
        self.token_key = self.secrets / "token-key"
        self.previous_token_key = self.secrets / "token-key.previous"
        self.report_key = self.secrets / "report-key"
        self.store = root / "store.sqlite"
        self.feed = root / "keys.feed"
        self.standing = root / "standing.json"
        self.issuers = root / issuer_bulletin.NAME
        self.revoked = root / revocation_feed.NAME
        self.wanted = root / issuer_bulletin.WANTED
        self.policy = root / "policy.json"
        self.journal = root / "journal"
        self.metrics = root / "metrics.json"
        self.refusals = root / "refusals.json"
        self.run = root / "run"
        self.usage = self.run / "usage.json"
        self.usage_wanted = self.run / "usage.wanted"

    def __repr__(self) -> str:
        return f"<State {self.root}>"

    def figures_of(self, worker: str) -> Path:
        """What the worker tells of its present state (model/figures.py)."""
        return self.run / f"{worker}.figures.json"


def prepare(state: State) -> Secrets:
    """Makes what is missing, readable by its owner only, and loads the secrets."""
    for folder in (state.root, state.secrets, state.journal, state.run, state.wanted):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (state.pepper, state.hash_key, state.token_key):
        create_secret(path)
    return load_secrets(state)


def load_secrets(state: State) -> Secrets:
    """Those that every process needs. Of the token key, which only minting needs, it is asked whether it is sound."""
    if state.token_key.exists():
        load_secret(state.token_key)
    return Secrets(pepper=load_secret(state.pepper), hash_key=load_secret(state.hash_key))


def shares_of(secrets: Secrets) -> Shares:
    """Keyed by something derived from the hash key, so that positions say nothing about prompt hashes."""
    return Shares(hmac.digest(bytes.fromhex(secrets.hash_key.reveal()), b"shares of the principals", "sha256"))


def lock(state: State) -> int:
    """One supervisor per state directory; the descriptor holds the lock until it is closed or the process ends."""
    descriptor = os.open(state.run / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        os.close(descriptor)
        raise StateRefused(f"another guardhouse is serving from {state.root}; end it first") from held
    return descriptor


def exposed_to(path: Path) -> str | None:
    """Who else may read or change the file, in words; None when only its owner may."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o007:
        return "everybody"
    return "its group" if mode & 0o070 else None


def create_secret(path: Path) -> None:
    if path.exists():
        return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was quicker; its secret is the one
            os.link(fresh, path)
    finally:
        fresh.unlink()


def load_secret(path: Path) -> Secret:
    try:
        others = exposed_to(path)
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError as missing:
        raise StateRefused(f"{path} is missing; `guardhouse serve` and `guardhouse keys create` make it") from missing
    if others is not None:
        raise StateRefused(f"{path} is open to {others}; run: chmod 600 {path}")
    if not _SECRET.fullmatch(text):
        raise StateRefused(f"{path} does not hold 64 hexadecimal digits; restore it from a backup")
    return Secret(text.strip())
