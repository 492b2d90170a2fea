"""`python -m bench soak`: a million streamed events through a masked stream, and what memory does meanwhile.

Ten streams flow as fast as they are read; every burst of theirs holds an e-mail address, so masking is at work, and
one that arrives readable ends the run. Resident memory of all processes is read at 10 %, 50 % and 100 % of the events.
It counts as flat when the second half adds no more than one per cent and a MiB.
"""

import asyncio
from pathlib import Path
from time import perf_counter

import msgspec

from bench import cpu, machine, payload
from bench.contenders.guardhouse import Guardhouse
from bench.prose import EMAIL
from bench.site import Site, Upstream
from bench.streams import Streams

STREAMS = 10
SHARES = (0.1, 0.5, 1.0)
STALL = 30.0  # seconds without an event


class Soak(msgspec.Struct, frozen=True):
    events: int
    seconds: float
    cpu_us_per_event: float
    rss_mib: dict[str, float]  # share of the events -> MiB

    @property
    def flat(self) -> bool:
        half, end = self.rss_mib["50 %"], self.rss_mib["100 %"]
        return end <= half * 1.01 + 1


async def _reach(group: Streams, events: int) -> None:
    """Until so many events have come."""
    last, since = 0, perf_counter()
    while group.events < events and group.completed < len(group.clients):
        group.check()
        if group.events > last:
            last, since = group.events, perf_counter()
        elif perf_counter() - since > STALL:
            group.fail(f"no event for {STALL:.0f} s after {last}")
        await asyncio.sleep(0.02)
    group.check()


async def _soak(site: Site, events: int) -> Soak:
    assert site.pid is not None
    request = site.request(model=payload.FLOOD, stream=True, tokens=events // STREAMS)
    group = Streams(site.port, request, forbidden=EMAIL.encode())
    before, start, memory = cpu.read(site.pid), perf_counter(), {}
    try:
        await group.open(STREAMS, per_second=1000)
        for share in SHARES:
            await _reach(group, round(events * share))
            memory[f"{share:.0%}".replace("%", " %")] = cpu.resident(site.pid) / 1024**2
        await group.finish(STALL)
    finally:
        await group.close()
    spent = cpu.between(before, cpu.read(site.pid)) / 1e3 / group.events
    return Soak(group.events, perf_counter() - start, spent, memory)


async def soak(events: int) -> Soak:
    contender = Guardhouse()
    contender.install()
    machine.settle_on_load_core()
    upstream = Upstream()
    try:
        site = Site(contender, upstream.port)
        try:
            await site.ready()
            return await _soak(site, events)
        finally:
            site.stop()
    finally:
        upstream.stop()


def show(found: Soak, folder: Path, stamp: str) -> str:
    """Saves the result and returns it as text."""
    folder.mkdir(exist_ok=True)
    (folder / f"soak-{stamp}.json").write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    memory = ", ".join(f"{value:.1f} MiB at {share}" for share, value in found.rss_mib.items())
    verdict = "flat" if found.flat else "GROWING"
    return (
        f"{found.events:,} events in {found.seconds:.0f} s, {found.cpu_us_per_event:.2f} µs CPU each; "
        f"RSS of all processes {memory}: {verdict}"
    )
