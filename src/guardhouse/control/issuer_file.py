"""The file of the issuers' keys at a start: what an earlier process knew of them, and what is known already.

Before any process of the gateway begins, the file is made anew with the gateway's own keys and with the last good ones
of the issuers, so that workers are told of both whichever process is up first. From then on it is kept by
issuer_board.py, which asks the issuers.
"""

import contextlib

import msgspec

from guardhouse.control.minting import Minter
from guardhouse.control.state import State
from guardhouse.identity.issuer_bulletin import IssuerBulletin
from guardhouse.model.bulletin import publish


def last_published(state: State) -> IssuerBulletin:
    """What an earlier process knew; nothing if that cannot be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode(state.issuers.read_bytes(), type=IssuerBulletin)
    return IssuerBulletin()


def publish_known(state: State) -> None:
    """For a start. Nobody has been asked yet, so nobody is unavailable."""
    known = last_published(state).issuers
    publish(state.issuers, IssuerBulletin(issuers=known, own=Minter(state).public_keys))
