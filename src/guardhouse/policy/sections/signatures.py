"""`signatures`: who may sign requests, with which key, and what a signature has to say.

A policy that has `require: [signature]` takes no request without one. See identity/signing.py for what holds.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from guardhouse.identity.signing import LEAST_SECRET, Algorithm, Signatures, SigningKey, is_secret, read_public
from guardhouse.model.secret import Secret
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, Kind, ListOf, MapOf, Shape
from guardhouse.policy.references import Reference

LONGEST_WINDOW = 900.0


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True):
    algorithm: Algorithm
    key: str | None = None
    secret: Reference | None = None
    of: tuple[str, ...]


class SignaturesEntry(msgspec.Struct, frozen=True, kw_only=True):
    keys: dict[str, KeyEntry]
    authorities: tuple[str, ...]
    scheme: Literal["https", "http"] = "https"
    window: float = 60.0
    skew: float = 5.0
    per_machine: bool = False


_ALGORITHMS: dict[str, Algorithm] = {
    "ed25519": "ed25519",
    "ecdsa-p256-sha256": "ecdsa-p256-sha256",
    "hmac-sha256": "hmac-sha256",
}
SIGNATURES: Kind[SignaturesEntry] = Shape(
    SignaturesEntry,
    {
        "keys": Key(
            MapOf(
                kinds.SECTION_NAME,
                Shape(
                    KeyEntry,
                    {
                        "algorithm": Key(kinds.Choice("algorithm", _ALGORITHMS), "The only one that it is used with."),
                        "key": Key(
                            kinds.Text(r"[A-Za-z0-9+/=\s-]{40,2000}", "a public key, as PEM or the base64 in it"),
                            "The public key, of ed25519 and ecdsa-p256-sha256.",
                        ),
                        "secret": Key(
                            kinds.Credential(),
                            "The shared secret of hmac-sha256, in base64: ${env:NAME} or ${file:/path}.",
                        ),
                        "of": Key(ListOf(kinds.PRINCIPAL), "The ids of the principals that sign with it."),
                    },
                ),
            ),
            "The keys, by the name that signatures give as keyid; a principal may have several at a time.",
        ),
        "authorities": Key(
            ListOf(
                kinds.Text(
                    r"[a-z0-9\[][a-z0-9.:\[\]_-]{0,253}", "a host, in small letters, with its port if it has one"
                )
            ),
            "The hosts by which callers reach the data port; a signature for another one counts for nothing here.",
        ),
        "scheme": Key(
            kinds.Choice("scheme", {"https": "https", "http": "http"}), "How callers reach it, as @target-uri says."
        ),
        "window": Key(kinds.DURATION, "How long after its creation a signature counts; 15m at most."),
        "skew": Key(kinds.DURATION, "How far the clocks may differ."),
        "per_machine": Key(kinds.FLAG, "Say true to accept that each of several machines remembers nonces for itself."),
    },
)


def findings(signatures: SignaturesEntry | None, machines: int) -> Iterator[tuple[Path, str]]:
    if signatures is None:
        return
    if machines > 1 and not signatures.per_machine:
        yield ("per_machine",), "each machine remembers nonces for itself; say true to accept that, or serve from one"
    if signatures.window > LONGEST_WINDOW:
        yield ("window",), "must be 15m at most"
    if signatures.skew > signatures.window:
        yield ("skew",), "must not be more than window"
    for name, entry in signatures.keys.items():
        shared = entry.algorithm == "hmac-sha256"
        if "*" in entry.of:
            yield ("keys", name, "of"), "a key is somebody's; name who signs with it"
        if shared != (entry.secret is not None) or shared == (entry.key is not None):
            yield ("keys", name), f"{entry.algorithm} needs a {'secret' if shared else 'key'}, and nothing else"
        elif entry.key is not None and read_public(entry.key, entry.algorithm) is None:
            yield ("keys", name, "key"), f"is no public key for {entry.algorithm}"


def secrets_of(signatures: SignaturesEntry | None) -> list[tuple[Path, Reference]]:
    entries = {} if signatures is None else signatures.keys
    return [(("signatures", "keys", name, "secret"), entry.secret) for name, entry in entries.items() if entry.secret]


def unusable(place: Path, secret: Secret) -> Iterator[tuple[Path, str]]:
    if not is_secret(secret.reveal()):
        yield place, f"is not the base64 of {LEAST_SECRET} bytes or more"


def compiled(signatures: SignaturesEntry | None, secrets: Mapping[Reference, Secret]) -> Signatures | None:
    if signatures is None:
        return None
    keys = {
        name: SigningKey(
            name=name,
            algorithm=entry.algorithm,
            public=None if entry.key is None else read_public(entry.key, entry.algorithm),
            secret=None if entry.secret is None else secrets[entry.secret],
            of=frozenset(entry.of),
        )
        for name, entry in signatures.keys.items()
        if entry.secret is None or entry.secret in secrets
    }
    return Signatures(
        keys=keys,
        authorities=frozenset(signatures.authorities),
        scheme=signatures.scheme,
        window=signatures.window,
        skew=signatures.skew,
    )
