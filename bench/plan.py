"""What one run measures and for how long."""

import msgspec

FIGURES = ("chat", "latency", "paced", "burst", "first", "held", "idle")
QUICK_FIGURES = tuple(figure for figure in FIGURES if figure != "held")  # held streams want contenders of their own
SIZES = {"0.5": 512, "4": 4096, "64": 65536}  # KB of prompt, as the tables call them -> bytes


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    rounds: int = 5
    seconds: float = 3.0  # window of a throughput or stream figure
    figures: tuple[str, ...] = FIGURES
    contenders: tuple[str, ...]
    held_share: float = 1.0  # of each contender's number of held streams
    quick: bool = False  # contenders stay up from round to round


def quick(
    contenders: tuple[str, ...], figures: tuple[str, ...] | None, rounds: int | None, seconds: float | None
) -> Plan:
    return Plan(
        rounds=rounds or 3,
        seconds=seconds or 0.3,
        figures=figures or QUICK_FIGURES,
        contenders=contenders,
        held_share=0.5,
        quick=True,
    )


def full(
    contenders: tuple[str, ...], figures: tuple[str, ...] | None, rounds: int | None, seconds: float | None
) -> Plan:
    return Plan(rounds=rounds or 5, seconds=seconds or 3.0, figures=figures or FIGURES, contenders=contenders)
