"""What the control process tells the workers of the keys that tokens are verified with: the issuers' and its own.

One bulletin (model/bulletin.py) of public keys; there is nothing secret in it. `fetched_at` is when an issuer last said
that these are its keys: from then on `stale_after` runs, over restarts too. What was revoked is told beside it, in
revocation_feed.py.

`unavailable` names the issuers whose keys were asked for and could not be had, and of whom no earlier ones count. An
issuer that is neither there nor among its keys is still being asked: a worker that starts waits for that
(path/vouching.py).
"""

import msgspec

from guardhouse.identity.jwks import PublicKey

# in the state directory
NAME = "issuers.json"
WANTED = "run/wanted"  # a folder: one empty file per issuer of which a token named an unknown key


class IssuerKeys(msgspec.Struct, frozen=True):
    issuer: str  # whose they are: what is configured under the name may change
    keys: tuple[PublicKey, ...]
    fetched_at: float


class IssuerBulletin(msgspec.Struct, frozen=True, kw_only=True):
    issuers: dict[str, IssuerKeys] = {}
    own: tuple[PublicKey, ...] = ()
    unavailable: tuple[str, ...] = ()
