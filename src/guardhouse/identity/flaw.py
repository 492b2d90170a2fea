"""Why a token is not accepted: each flaw with the reason it is refused under and a sentence for the caller.

The sentences name the rule and never the token's content. What is said before the signature has been verified is true
of any bytes that a stranger may send, so it gives nothing away that is not public already.
"""

from enum import Enum

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason


class Flaw(Enum):
    reason: Reason
    sentence: str

    def __init__(self, reason: Reason, sentence: str) -> None:
        self.reason = reason
        self.sentence = sentence

    # before the signature
    FORM = (Reason.CREDENTIAL_INVALID, "The token is not a signed token in compact form.")
    HEADER = (Reason.CREDENTIAL_INVALID, "The header of the token asks for something that is not supported.")
    TYPE = (Reason.CREDENTIAL_INVALID, "The token is of a type that grants nothing here.")
    ISSUER = (Reason.CREDENTIAL_INVALID, "The token is not from an issuer that is known here.")
    ALGORITHM = (Reason.CREDENTIAL_INVALID, "The token is signed with an algorithm that is not accepted.")
    KEY = (Reason.CREDENTIAL_INVALID, "The token is signed with a key that its issuer does not publish.")
    SIGNATURE = (Reason.CREDENTIAL_INVALID, "The signature of the token is not valid.")
    STALE = (Reason.IDENTITY_STALE, "The issuer's keys could not be had, or not be renewed for too long.")

    # after it
    CLAIMS = (Reason.CREDENTIAL_INVALID, "A claim of the token is missing or has an impossible value.")
    AUDIENCE = (Reason.CREDENTIAL_INVALID, "The token is meant for another audience.")
    CLIENT = (Reason.CREDENTIAL_INVALID, "The token was issued to a client that is not accepted.")
    REQUIRED = (Reason.CREDENTIAL_INVALID, "The token lacks a claim value that is required here.")
    BOUND = (Reason.CREDENTIAL_INVALID, "The token is bound to a key of its holder and no bearer token.")
    INCOMPLETE = (Reason.CREDENTIAL_INVALID, "The token leaves out claims that are needed here.")
    NOT_YET = (Reason.CREDENTIAL_INVALID, "The token is not valid yet.")
    TOO_OLD = (Reason.CREDENTIAL_EXPIRED, "The token was issued too long ago.")
    EXPIRED = (Reason.CREDENTIAL_EXPIRED, "")
    REVOKED = (Reason.CREDENTIAL_REVOKED, "")
    GRANTOR_EXPIRED = (Reason.CREDENTIAL_EXPIRED, "The credential that it was exchanged for has ended.")
    GRANTOR_REVOKED = (Reason.CREDENTIAL_REVOKED, "The credential that it was exchanged for was revoked.")

    def denial(self) -> Denial:
        return Denial(self.reason, self.sentence, retry_after=5.0 if self.reason.retry else None)
