"""What a worker tells of its present state, for whoever asks: a small file that it replaces once a second."""

import msgspec


class TargetFigures(msgspec.Struct, frozen=True):
    """Of a model server whose intake is limited."""

    in_use: int
    limit: int
    waiting: int


class WorkerFigures(msgspec.Struct, frozen=True, kw_only=True):
    connections: int = 0  # of callers
    exchanges: int = 0  # under way upstream
    held: int = 0  # waiting for a turn, a place or the limits' store
    targets: dict[str, TargetFigures] = {}
    limits_store: str = ""  # "there" or "away"; empty where limits are this process's own
    journeys: int = 0  # to the limits' store
