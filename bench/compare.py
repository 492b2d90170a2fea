"""The comparison: rounds of figures, contenders interleaved figure by figure.

Inside a round all light contenders are up at once and idle while one of them is measured, and a figure is taken of
each of them right after another, so that whatever else the machine does in that minute falls on all of them. The
order turns by one each round. Contenders that are never quite idle (`alone`) are started by themselves afterwards.
All are started afresh in each round, save in the quick form, which has no time for that. One that fails keeps its place
in the table with what it failed of; the run goes on and ends with exit code 1.
"""

import sys
from datetime import UTC, datetime

import msgspec

from bench import cpu, figures, machine
from bench.contenders.base import Bearing, Contender, UnavailableError
from bench.contenders.direct import Direct
from bench.load import LoadError
from bench.plan import Plan
from bench.process import StartError
from bench.registry import chosen
from bench.site import Site, Upstream

Metrics = dict[str, float]
Failure = (LoadError, StartError, OSError)


class Result(msgspec.Struct):
    """What is known of one contender."""

    name: str
    label: str
    bearing: Bearing
    version: str = ""
    trouble: str = ""  # why it could not be installed, or what it failed of
    rounds: list[Metrics] = []


class Outcome(msgspec.Struct):
    at: str
    machine: machine.Machine
    clock: str
    plan: Plan
    results: list[Result]

    def named(self, name: str) -> Result | None:
        return next((result for result in self.results if result.name == name), None)


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def install(contenders: list[Contender], rounds: int) -> dict[str, Result]:
    results = {}
    for contender in contenders:
        result = Result(contender.name, contender.label, contender.bearing)
        try:
            result.version = contender.install()
            result.rounds = [{} for _ in range(rounds)]
        except UnavailableError as why:
            result.trouble = f"could not be installed: {why}"
            note(f"{contender.name} {result.trouble}")
        results[contender.name] = result
    return results


def applies(figure: str, contender: Contender) -> bool:
    if contender.private or contender.messages or contender.tensors or contender.whole_answers_only:
        return figure == "chat"
    return contender.name != "direct" or figure == "chat"


class Comparison:
    """The metrics gathered so far, and what it takes to gather more."""

    def __init__(self, plan: Plan, upstream: int, results: dict[str, Result]) -> None:
        self.plan = plan
        self.upstream = upstream
        self.results = results
        self.direct = Site(Direct(), upstream)
        self.failed: set[str] = set()

    def fail(self, name: str, error: Exception) -> None:
        self.failed.add(name)
        self.results[name].trouble = f"failed: {error}"[:300]
        note(f"{name} failed: {error}")

    async def start(self, contender: Contender) -> Site | None:
        """A site that answers rightly; its processes do not outlive a failure or an interruption to become one."""
        try:
            site = Site(contender, self.upstream)
        except Failure as error:
            self.fail(contender.name, error)
            return None
        ready = False
        try:
            await site.ready()
            ready = True
        except Failure as error:
            self.fail(contender.name, error)
        finally:
            if not ready:
                site.stop()
        return site if ready else None

    async def take(self, figure: str, site: Site, zero: figures.Zero) -> Metrics:
        seconds = self.plan.seconds
        match figure:
            case "chat":
                return await figures.chat(site, seconds)
            case "latency":
                return await figures.latency(site, zero, max(seconds, 0.6))
            case "first":
                return await figures.first(site, zero, max(seconds, 0.6))
            case "paced":
                return await figures.paced(site, seconds)
            case "burst":
                return await figures.burst(site, seconds)
            case "idle":
                return await figures.idle(site, min(seconds, 1.0))
            case _:
                raise ValueError(figure)

    async def one_round(self, sites: list[Site], number: int) -> None:
        """Every figure of every site, figure by figure."""
        turn = number % max(1, len(sites))
        zero = figures.Zero(self.direct)
        for figure in self.plan.figures:
            for site in sites[turn:] + sites[:turn]:
                name = site.contender.name
                if figure == "held" or name in self.failed or not applies(figure, site.contender):
                    continue
                try:
                    self.results[name].rounds[number].update(await self.take(figure, site, zero))
                except Failure as error:
                    self.fail(name, error)

    async def together(self, contenders: list[Contender], rounds: list[int]) -> None:
        """Rounds over contenders that are up at the same time."""
        sites: list[Site] = []
        self.failed.clear()
        try:
            for contender in contenders:
                if site := await self.start(contender):
                    sites.append(site)
            for number in rounds:
                note(f"round {number + 1} of {self.plan.rounds}: {', '.join(site.contender.name for site in sites)}")
                await self.one_round(sites, number)
        finally:
            for site in sites:
                site.stop()

    async def held(self, contender: Contender, number: int) -> None:
        if not applies("held", contender) or not (site := await self.start(contender)):
            return
        try:
            self.results[contender.name].rounds[number].update(await figures.held(site, self.plan.held_share))
        except Failure as error:
            self.fail(contender.name, error)
        finally:
            site.stop()

    async def run(self, contenders: list[Contender]) -> None:
        every = list(range(self.plan.rounds))
        batches = [every] if self.plan.quick else [[number] for number in every]
        light = [contender for contender in contenders if not contender.alone]
        groups = [light, *([contender] for contender in contenders if contender.alone)]
        for batch in batches:
            if set(self.plan.figures) != {"held"}:
                for group in groups:
                    await self.together(group, batch)
            if "held" in self.plan.figures:
                note("held streams")
                for contender in contenders:
                    await self.held(contender, batch[0])


async def compare(plan: Plan) -> Outcome:
    described = machine.describe()
    everyone = chosen(list(plan.contenders))
    results = install(everyone, plan.rounds)
    machine.settle_on_load_core()
    upstream = Upstream()
    try:
        comparison = Comparison(plan, upstream.port, results)
        await comparison.run([contender for contender in everyone if results[contender.name].rounds])
    finally:
        upstream.stop()
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Outcome(at, described, cpu.clock(), plan, list(results.values()))
