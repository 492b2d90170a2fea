"""The comparison: rounds of figures, contenders interleaved figure by figure.

Inside a round all light contenders are up at once and idle while one of them is measured, and a figure is taken of
each of them right after another, so that whatever else the machine does in that minute falls on all of them. The
order turns by one each round. Contenders that are never quite idle (`alone`) are started by themselves afterwards.
One that fails keeps its place in the table with what it failed of; the run goes on and ends with exit code 1.
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
    installed: bool = False
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


def install(contenders: list[Contender]) -> dict[str, Result]:
    results = {}
    for contender in contenders:
        result = Result(contender.name, contender.label, contender.bearing)
        try:
            result.version = contender.install()
            result.installed = True
        except UnavailableError as why:
            result.trouble = f"could not be installed: {why}"
            note(f"{contender.name} {result.trouble}")
        results[contender.name] = result
    return results


class Round:
    """One round: a direct site for the zero of added time, and the metrics gathered so far."""

    def __init__(self, plan: Plan, upstream: int, results: dict[str, Result]) -> None:
        self.plan = plan
        self.upstream = upstream
        self.results = results
        self.direct = Site(Direct(), upstream)
        self.latency: dict[float, list[float]] = {}
        self.first: dict[float, Metrics] = {}

    def fail(self, name: str, error: Exception) -> None:
        self.results[name].trouble = f"failed: {error}"[:400]
        note(f"{name} failed: {error}")

    async def start(self, contender: Contender) -> Site | None:
        site = None
        try:
            site = Site(contender, self.upstream)
            await site.ready()
        except Failure as error:
            self.fail(contender.name, error)
            if site:
                site.stop()
            return None
        return site

    async def take(self, figure: str, site: Site) -> Metrics:
        seconds = self.plan.seconds
        match figure:
            case "chat":
                return await figures.chat(site, seconds)
            case "latency":
                return await figures.latency(site, self.direct, max(seconds, 0.6), self.latency)
            case "first":
                return await figures.first(site, self.direct, max(seconds, 0.6), self.first)
            case "paced":
                return await figures.paced(site, seconds)
            case "burst":
                return await figures.burst(site, seconds)
            case "idle":
                return await figures.idle(site, min(seconds, 1.0))
            case _:
                raise ValueError(figure)

    def applies(self, figure: str, contender: Contender) -> bool:
        if contender.private:
            return figure == "chat"
        return contender.name != "direct" or figure == "chat"

    async def group(self, contenders: list[Contender]) -> None:
        """All figures of contenders that are up together."""
        sites: list[Site] = []
        failed: set[str] = set()
        try:
            for contender in contenders:
                if site := await self.start(contender):
                    sites.append(site)
            for figure in (figure for figure in self.plan.figures if figure != "held"):
                for site in sites:
                    name = site.contender.name
                    if name in failed or not self.applies(figure, site.contender):
                        continue
                    try:
                        self.results[name].rounds[-1].update(await self.take(figure, site))
                    except Failure as error:
                        failed.add(name)
                        self.fail(name, error)
        finally:
            for site in sites:
                site.stop()

    async def held(self, contender: Contender) -> None:
        if not self.applies("held", contender) or not (site := await self.start(contender)):
            return
        try:
            self.results[contender.name].rounds[-1].update(await figures.held(site, self.plan.held_share))
        except Failure as error:
            self.fail(contender.name, error)
        finally:
            site.stop()


async def one_round(plan: Plan, number: int, contenders: list[Contender], results: dict[str, Result]) -> None:
    upstream = Upstream()
    try:
        this = Round(plan, upstream.port, results)
        for contender in contenders:
            results[contender.name].rounds.append({})
        light = [contender for contender in contenders if not contender.alone]
        turn = number % max(1, len(light))
        if set(plan.figures) != {"held"}:
            await this.group(light[turn:] + light[:turn])
            for contender in contenders:
                if contender.alone:
                    await this.group([contender])
        if "held" in plan.figures and number < plan.held_rounds:
            for contender in contenders:
                await this.held(contender)
    finally:
        upstream.stop()


async def compare(plan: Plan) -> Outcome:
    described = machine.describe()
    everyone = chosen(list(plan.contenders))
    results = install(everyone)
    contenders = [contender for contender in everyone if results[contender.name].installed]
    machine.settle_on_load_core()
    for number in range(plan.rounds):
        note(f"round {number + 1} of {plan.rounds}")
        await one_round(plan, number, contenders, results)
    return Outcome(
        datetime.now(UTC).isoformat(timespec="seconds"), described, cpu.clock(), plan, list(results.values())
    )
