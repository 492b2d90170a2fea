"""What readers of the journal tell of who uses the gateway: of a principal of late, of a credential since ever.

They stand by themselves so that what counts them for every exchange (usage.py, signins.py) can be compiled.
"""

import msgspec


class PrincipalUsage(msgspec.Struct, frozen=True, kw_only=True):
    principal: str
    requests_per_minute: float
    tokens_per_minute: float
    requests: int  # in the last hour, as the rest
    refused: int
    input_tokens: int
    output_tokens: int
    credentials: list[str]  # active in the last quarter of an hour, by their public ids
    last: float


class Use(msgspec.Struct):
    """What is known of the use of one credential."""

    name: str  # "key:" and its id, or "principal:" and the id of the principal
    first: float
    last: float
    networks: dict[str, float] = {}  # network -> when it was last used from there
    told: float = 0.0  # when many networks were last told of
