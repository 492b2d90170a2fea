"""What one run measures and for how long."""

import msgspec

FIGURES = ("chat", "latency", "paced", "burst", "first", "held", "idle")
SIZES = {"0.5": 512, "4": 4096, "64": 65536}  # KB of prompt, as the tables call them -> bytes


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    rounds: int = 5
    seconds: float = 3.0  # window of a throughput or stream figure
    figures: tuple[str, ...] = FIGURES
    contenders: tuple[str, ...]
    held_share: float = 1.0  # of each contender's number of held streams
    held_rounds: int = 1  # memory hardly varies: so many rounds measure it
    quick: bool = False


def quick(contenders: tuple[str, ...], figures: tuple[str, ...], rounds: int | None, seconds: float | None) -> Plan:
    return Plan(
        rounds=rounds or 3,
        seconds=seconds or 0.4,
        figures=figures,
        contenders=contenders,
        held_share=0.5,
        quick=True,
    )


def full(contenders: tuple[str, ...], figures: tuple[str, ...], rounds: int | None, seconds: float | None) -> Plan:
    return Plan(
        rounds=rounds or 5, seconds=seconds or 3.0, figures=figures, contenders=contenders, held_rounds=rounds or 5
    )
