"""`python -m bench --profile`: where the worker of Guardhouse spends its time at saturation.

For each load py-spy writes a flame graph (.svg) and its stacks, from which a table of functions and lines by own time
is made; perf, where it may be used, adds what the C libraries and the kernel take. Neither changes the product, and
figures of the comparison are never taken while they run.
"""

import asyncio
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path

from bench import cpu, figures, machine
from bench.contenders.base import Contender
from bench.load import closed_loop
from bench.plan import SIZES
from bench.site import Site, Upstream

Load = Callable[[float], Awaitable[object]]
HERTZ = "500"
TOP = 40


def own_time(stacks: Iterable[str]) -> Counter[str]:
    """Samples by innermost frame, from lines of `outer;inner count`."""
    counted: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        counted[stack.rpartition(";")[2]] += int(count)
    return counted


def by_function(frames: Counter[str]) -> Counter[str]:
    """Frames read `name (file:line)`; this drops the line."""
    counted: Counter[str] = Counter()
    for frame, count in frames.items():
        counted[frame.rpartition(":")[0] + ")" if ":" in frame else frame] += count
    return counted


def table(frames: Counter[str], title: str) -> str:
    total = frames.total() or 1
    rows = [f"| {100 * count / total:.1f} % | {frame} |" for frame, count in frames.most_common(TOP)]
    return "\n".join([f"### {title}", "", "| own time | where |", "|---|---|", *rows]) + "\n"


def _spy() -> str | None:
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


async def _recorded(command: list[str], load: Load, seconds: float) -> None:
    tool = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    await load(seconds)
    await tool.wait()


async def _busiest(site: Site, load: Load) -> int:
    assert site.pid is not None
    before = cpu.read(site.pid)
    await load(0.5)
    spent = cpu.by_process(before, cpu.read(site.pid))
    return max(spent, key=lambda pid: spent[pid])


def _loads(site: Site, chosen: tuple[str, ...]) -> dict[str, Load]:
    loads: dict[str, Load] = {}
    if "chat" in chosen:
        for name, size in SIZES.items():
            loads[f"chat-{name}KB"] = partial(closed_loop, site.port, site.request(size), 32)
    if "paced" in chosen:
        loads["paced"] = partial(figures.paced, site)
    if "burst" in chosen:
        loads["burst"] = partial(figures.burst, site)
    return loads


def _write_tables(name: str, stacks: Path, top: Path) -> None:
    frames = own_time(stacks.read_text().splitlines())
    top.write_text(table(by_function(frames), f"{name}: functions") + "\n" + table(frames, f"{name}: lines"))


def _write_symbols(perf: str, samples: Path, top: Path) -> None:
    command = [perf, "report", "--stdio", "--no-children", "--sort", "dso,symbol", "-i", str(samples)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    rows = [" ".join(line.split()) for line in shown.splitlines() if line.strip() and not line.startswith("#")]
    top.write_text("\n".join(rows[:TOP]) + "\n")
    samples.unlink(missing_ok=True)


async def _profile(name: str, load: Load, pid: int, seconds: float, stem: Path) -> list[Path]:
    """Records one load with whatever tool is there."""
    made: list[Path] = []
    whole = str(max(1, round(seconds)))
    if spy := _spy():
        record = [spy, "record", "--pid", str(pid), "--duration", whole, "--rate", HERTZ]
        graph, stacks, top = (Path(f"{stem}-{name}{suffix}") for suffix in (".svg", ".stacks", ".md"))
        await _recorded([*record, "--format", "flamegraph", "-o", str(graph)], load, seconds + 0.5)
        await _recorded([*record, "--format", "raw", "-o", str(stacks)], load, seconds + 0.5)
        _write_tables(name, stacks, top)
        made += [graph, top]
    if perf := shutil.which("perf"):
        samples, top = Path(f"{stem}-{name}.perf"), Path(f"{stem}-{name}-native.txt")
        record = [perf, "record", "-q", "-F", HERTZ, "-p", str(pid), "-o", str(samples), "--", "sleep", whole]
        await _recorded(record, load, seconds + 0.5)
        _write_symbols(perf, samples, top)
        made.append(top)
    return made


async def profile(contender: Contender, chosen: tuple[str, ...], seconds: float, stem: Path) -> list[Path]:
    """Returns the files that were written."""
    contender.install()
    machine.settle_on_load_core()
    upstream = Upstream()
    try:
        site = Site(contender, upstream.port)
        try:
            await site.ready()
            made: list[Path] = []
            for name, load in _loads(site, chosen).items():
                made += await _profile(name, load, await _busiest(site, load), seconds, stem)
            return made
        finally:
            site.stop()
    finally:
        upstream.stop()
