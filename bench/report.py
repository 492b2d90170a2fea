"""The outcome as Markdown tables and as JSON.

A cell is the median over the rounds with the lowest and highest in brackets, and where the figure is a price, the
median of the per-round ratios to Envoy. What was not measured is a dash; who could not be measured keeps a row.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.arithmetic import ratios, spread
from bench.compare import Outcome, Result
from bench.plan import SIZES
from bench.registry import BASE

Cell = Callable[[Result], str]
FOLDER = Path(__file__).parent / "results"


def values(result: Result, metric: str) -> list[float]:
    return [metrics[metric] for metrics in result.rounds if metric in metrics]


def number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio_to(result: Result, base: Result | None, metric: str) -> float | None:
    """The median over the rounds of this contender's figure by the base's."""
    if base is None:
        return None
    mine = [metrics.get(metric) for metrics in result.rounds]
    found = ratios(mine, [metrics.get(metric) for metrics in base.rounds])
    return spread(found).median if found else None


def cell(outcome: Outcome, metric: str, *, price: bool = False) -> Cell:
    def render(result: Result) -> str:
        found = values(result, metric)
        if not found:
            return "—"
        of = spread(found)
        text = number(of.median)
        if len(found) > 1:
            text += f" ({number(of.low)} … {number(of.high)})"
        ratio = ratio_to(result, outcome.named(BASE), metric) if price else None
        return f"{text} · **{ratio:.2f}**" if ratio is not None else text

    return render


def table(outcome: Outcome, title: str, columns: Sequence[tuple[str, Cell]]) -> str:
    lines = [f"### {title}", "", "| contender | " + " | ".join(name for name, _ in columns) + " |"]
    lines.append("|---|" + "---|" * len(columns))
    for result in outcome.results:
        cells = [render(result) for _, render in columns]
        if set(cells) == {"—"}:
            if not result.trouble:
                continue
            cells = [trouble(result)] + [""] * (len(columns) - 1)
        lines.append(f"| {result.label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _held(outcome: Outcome) -> list[tuple[str, Cell]]:
    counts = sorted({count for result in outcome.results for count in result.bearing.held})
    return [(f"{count:,} held, KiB each", cell(outcome, f"held.{count}.kib")) for count in counts]


def tables(outcome: Outcome) -> list[str]:
    def of(metric: str, *, price: bool = False) -> Cell:
        return cell(outcome, metric, price=price)

    made = []
    if "chat" in outcome.plan.figures:
        columns = [(f"{name} KB, µs", of(f"chat.{name}.cpu_us", price=True)) for name in SIZES]
        columns += [(f"of it beside the data path, {name} KB", of(f"chat.{name}.beside_us")) for name in SIZES][:1]
        made.append(table(outcome, "CPU per request, all processes, and how many times Envoy", columns))
        columns = [(f"{name} KB, req/s", of(f"chat.{name}.rps")) for name in SIZES]
        columns += [(f"core busy at {name} KB", of(f"chat.{name}.busy")) for name in SIZES]
        made.append(table(outcome, "Requests per second at saturation", columns))
    if {"latency", "idle"} & set(outcome.plan.figures):
        columns = [("added p50, ms", of("latency.p50_ms"))]
        columns += [("added p99, ms", of("latency.p99_ms")), ("RSS, MiB", of("rss_mib"))]
        columns += [("CPU at rest, ms/s", of("idle.cpu_ms"))]
        made.append(table(outcome, "Added latency at a fixed rate; memory; rest", columns))
    if {"paced", "burst", "first"} & set(outcome.plan.figures):
        columns = [(f"{name}, µs/event", of(f"{name}.cpu_us", price=True)) for name in ("paced", "burst")]
        columns += [("first event, added p50 ms", of("first.p50_ms")), ("added p99 ms", of("first.p99_ms"))]
        columns += [("first word, added p50 ms", of("first.word_p50_ms"))]
        made.append(
            table(
                outcome,
                "Streams: CPU per event, all processes, and how many times Envoy; time to the first event",
                columns,
            )
        )
    if "held" in outcome.plan.figures:
        made.append(table(outcome, "Memory per idle stream", _held(outcome)))
    return made


def trouble(result: Result) -> str:
    """As much of it as a cell can hold; all of it is in the JSON."""
    first_line = (result.trouble.splitlines() or [""])[0]
    return first_line.replace("|", "/")[:160]


def _setting(result: Result) -> str:
    bearing = result.bearing
    return (
        f"| {result.label} | {result.version or '—'} | {bearing.connections} | {bearing.rate}/s | {bearing.paced} | "
        f"{bearing.burst} | {bearing.first}/s | {', '.join(map(str, bearing.held))} | {trouble(result) or 'measured'} |"
    )


def markdown(outcome: Outcome) -> str:
    machine, plan = outcome.machine, outcome.plan
    form = "quick" if plan.quick else "full"
    head = (
        f"## Benchmark of {outcome.at} ({form}: {plan.rounds} rounds, windows of {plan.seconds} s)\n\n"
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB, Linux {machine.kernel}, "
        f"Python {machine.python}. Cores: {machine.pinning}. CPU clock: {outcome.clock}.\n"
    )
    asked = ["### Versions and the load each was given", ""]
    asked.append("| contender | version | connections | fixed rate | paced | burst | new streams | held | state |")
    asked.append("|---|---|---|---|---|---|---|---|---|")
    asked += [_setting(result) for result in outcome.results]
    return "\n".join([head, *tables(outcome), "\n".join(asked)]) + "\n"


def save(outcome: Outcome, text: str) -> Path:
    """Writes <time>.json and, with the text, <time>.md; returns the former."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / (outcome.at.replace(":", "").replace("+0000", "Z") + ".json")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))
    path.with_suffix(".md").write_text(text)
    return path
