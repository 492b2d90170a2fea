"""What a worker tells of its present state, for whoever asks: a small file that it replaces once a second."""

import msgspec


class TargetFigures(msgspec.Struct, frozen=True):
    """Of a model server whose intake is limited."""

    in_use: int
    limit: int
    waiting: int


class UpstreamFigures(msgspec.Struct, frozen=True):
    """Of every model server."""

    breaker: str  # closed, half_open or open
    pending: int  # exchanges that are with it
    failures: int = 0  # so far
    breaks: int = 0  # how often the breaker has opened
    drained: bool = False
    well: bool = True
    callers_kept_away: int = 0  # for failures that nobody else had


class MemoryFigures(msgspec.Struct, frozen=True):
    """Of what a worker holds for callers, in bytes."""

    held: int
    limit: int


class WorkerFigures(msgspec.Struct, frozen=True, kw_only=True):
    connections: int = 0  # of callers
    exchanges: int = 0  # under way upstream
    held: int = 0  # waiting for a turn, a place or the limits' store
    paused: int = 0  # callers whose body is not read for want of room
    memory: dict[str, MemoryFigures] = {}  # for requests, for answers
    targets: dict[str, TargetFigures] = {}
    upstreams: dict[str, UpstreamFigures] = {}
    retries: int = 0  # so far
    retries_refused: int = 0  # for which the budget was used up
    policy_taken: bool = True  # False: another one was published that it could not take
    limits_store: str = ""  # "there" or "away"; empty where limits are this process's own
    journeys: int = 0  # to the limits' store
