"""One figure of one contender: the load, the readings of /proc around it, and the division.

Each function returns metrics by name; docs/benchmarks.md explains them. A window of whole answers is closed: from
quiet to quiet again, over exactly the answers given. A window of streams is open: it looks at the counters while all
streams flow, so the price of opening and closing them is not in it.
"""

import asyncio
import math

from bench import cpu, payload
from bench.arithmetic import percentile
from bench.load import closed_loop, open_loop
from bench.plan import SIZES
from bench.site import Site
from bench.streams import Streams, first_events

Metrics = dict[str, float]
WARM_SECONDS = 0.15
OPEN_SECONDS = 0.25  # in which the streams of a window are opened
RAMP_SECONDS = 0.5  # that a stream lasts beyond the window
OTHER_EVENTS = 3  # role, finish, [DONE]


async def chat(site: Site, seconds: float) -> Metrics:
    """CPU per request and requests per second at saturation, for each size of prompt."""
    metrics: Metrics = {}
    bearing = site.contender.bearing
    for name, size in SIZES.items():
        request = site.request(size)
        await closed_loop(site.port, request, bearing.connections, WARM_SECONDS * bearing.longer)
        await site.quiet()
        before = cpu.read(site.pid) if site.pid else None
        tally = await closed_loop(site.port, request, bearing.connections, seconds * bearing.longer)
        metrics[f"chat.{name}.rps"] = tally.in_time / tally.seconds
        if before and site.pid:
            metrics[f"chat.{name}.busy"] = cpu.between(before, cpu.read(site.pid)) / 1e9 / tally.elapsed
            await site.quiet()
            after = cpu.read(site.pid)
            spent = cpu.between(before, after)
            metrics[f"chat.{name}.cpu_us"] = spent / 1e3 / tally.answers
            metrics[f"chat.{name}.beside_us"] = (
                (spent - max(cpu.by_process(before, after).values())) / 1e3 / tally.answers
            )
    return metrics


class Zero:
    """What direct takes, from which added time is counted: asked once in a round for each rate."""

    def __init__(self, direct: Site) -> None:
        self.direct = direct
        self.answers: dict[float, list[float]] = {}
        self.streams: dict[float, Metrics] = {}


async def latency(site: Site, zero: Zero, seconds: float) -> Metrics:
    """Milliseconds added to whole answers at a fixed rate."""
    rate = site.contender.bearing.rate
    await open_loop(site.port, site.request(), rate, WARM_SECONDS)
    if rate not in zero.answers:
        direct = zero.direct
        await open_loop(direct.port, direct.request(), rate, WARM_SECONDS)
        zero.answers[rate] = await open_loop(direct.port, direct.request(), rate, seconds)
    base = zero.answers[rate]
    taken = await open_loop(site.port, site.request(), rate, seconds)
    return {
        "latency.p50_ms": (percentile(taken, 0.5) - percentile(base, 0.5)) * 1e3,
        "latency.p99_ms": (percentile(taken, 0.99) - percentile(base, 0.99)) * 1e3,
    }


async def first(site: Site, zero: Zero, seconds: float) -> Metrics:
    """Milliseconds added to the first event, and to the first word, of short streams opened at a fixed rate."""
    rate = site.contender.bearing.first
    if rate not in zero.streams:
        await _first(zero.direct, rate, WARM_SECONDS)
        zero.streams[rate] = await _first(zero.direct, rate, seconds)
    await _first(site, rate, WARM_SECONDS)
    taken = await _first(site, rate, seconds)
    return {f"first.{name}": value - zero.streams[rate][name] for name, value in taken.items()}


async def _first(site: Site, rate: float, seconds: float) -> Metrics:
    request = site.request(model=payload.FIRST, stream=True, tokens=4)
    times = await first_events(site.port, request, rate, seconds)
    events = [time.event for time in times]
    return {
        "p50_ms": percentile(events, 0.5) * 1e3,
        "p99_ms": percentile(events, 0.99) * 1e3,
        "word_p50_ms": percentile([time.word for time in times], 0.5) * 1e3,
    }


async def _streamed(site: Site, model: str, count: int, words_per_second: int, seconds: float) -> Metrics:
    """CPU per event while `count` streams flow. Events are the upstream's, whatever a gateway merges or splits."""
    longer = site.contender.bearing.longer
    tokens = math.ceil(words_per_second * (seconds + RAMP_SECONDS * longer))
    group = Streams(site.port, site.request(model=model, stream=True, tokens=tokens))
    try:
        await group.open(count, per_second=count / (OPEN_SECONDS * longer))
        await group.all_started()
        await asyncio.sleep(0.1)
        before, events, reads = (cpu.read(site.pid) if site.pid else None), group.events, group.reads
        await asyncio.sleep(seconds)
        after, events, reads = (cpu.read(site.pid) if site.pid else None), group.events - events, group.reads - reads
        await group.finish(seconds)
    finally:
        await group.close()
    kept = group.events / (count * (tokens + OTHER_EVENTS))
    metrics = {"events_per_second": events / kept / seconds, "events_per_read": events / reads, "kept": kept}
    if before and after:
        metrics["cpu_us"] = cpu.between(before, after) / 1e3 / (events / kept)
    return metrics


async def paced(site: Site, seconds: float) -> Metrics:
    bearing = site.contender.bearing
    metrics = await _streamed(site, payload.PACED, bearing.paced, payload.PACED_PER_SECOND, seconds)
    return {f"paced.{name}": value for name, value in metrics.items()}


async def burst(site: Site, seconds: float) -> Metrics:
    bearing = site.contender.bearing
    rate = payload.BURSTS_PER_SECOND * payload.EVENTS_PER_BURST
    metrics = await _streamed(site, payload.BURST, bearing.burst, rate, seconds)
    return {f"burst.{name}": value for name, value in metrics.items()}


async def held(site: Site, share: float) -> Metrics:
    """KiB of resident memory per idle stream. For a freshly started contender: memory freed by other loads would
    take the streams in and hide their price."""
    if site.pid is None:
        return {}
    await closed_loop(site.port, site.request(), site.contender.bearing.connections, WARM_SECONDS)
    await site.quiet()
    before = cpu.resident(site.pid)
    group = Streams(site.port, site.request(model=payload.HELD, stream=True))
    metrics: Metrics = {}
    try:
        for target in site.contender.bearing.held:
            await group.open(round(target * share) - len(group.clients), per_second=500 / site.contender.bearing.longer)
            await group.all_started()
            await asyncio.sleep(0.5)
            metrics[f"held.{target}.kib"] = (cpu.resident(site.pid) - before) / 1024 / len(group.clients)
    finally:
        await group.close()
    return metrics


async def idle(site: Site, seconds: float) -> Metrics:
    """Memory after the load, and milliseconds of CPU per second of doing nothing."""
    if site.pid is None:
        return {}
    await site.quiet()
    before = cpu.read(site.pid)
    await asyncio.sleep(seconds)
    return {
        "idle.cpu_ms": cpu.between(before, cpu.read(site.pid)) / 1e6 / seconds,
        "rss_mib": cpu.resident(site.pid) / 1024**2,
    }
