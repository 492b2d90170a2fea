"""No gateway at all: what the load generator and the upstream reach between themselves, and the zero of added time."""

from pathlib import Path

from bench.contenders.base import Contender, Running


class Direct(Contender):
    name = "direct"
    label = "direct (no gateway)"

    def install(self) -> str:
        return "—"

    def start(self, upstream: int, work: Path) -> Running:
        return Running(upstream, (("Authorization", "Bearer " + "k" * 59),))
