"""`guardhouse targets`: how the model servers are, and taking one out of use before somebody works on it.

A drained target gets nothing new; what is under way there goes on. Draining is a switch like those of standing.py: it
is written to the store, felt within a second, and can be given an end.
"""

from typing import Annotated

import typer

from guardhouse.cli.output import CONFIG, AsJson, Config, answer, document_or_refuse, table
from guardhouse.cli.standing import Because, For, lift, refuse_unknown, switch_off
from guardhouse.cli.usage import asked
from guardhouse.model.figures import UpstreamFigures, WorkerFigures

app = typer.Typer(no_args_is_help=True, help="Show the model servers, and take them out of use and back.")

TargetName = Annotated[str, typer.Argument(metavar="TARGET", help="Its name in the configuration.")]

_WORST = ("open", "half_open", "closed")


@app.command("list")
def list_(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Show how each model server is, as the gateway that runs sees it.

    Example: guardhouse targets list
    """
    workers = asked(config, as_json=as_json).workers
    names = {name: None for worker in workers.values() for name in worker.upstreams}
    found = {name: _together(name, workers) for name in names}
    lines = [("TARGET", "STATE", "BREAKER", "UNDER WAY", "FAILURES", "BREAKS", "KEPT FROM")]
    lines += [
        (
            name,
            "drained" if of.drained else "in use" if of.well else "unwell",
            of.breaker.replace("_", " "),
            str(of.pending),
            str(of.failures),
            str(of.breaks),
            _callers(of.callers_kept_away),
        )
        for name, of in found.items()
    ]
    answer(found, table(lines), as_json=as_json)


@app.command()
def drain(
    target: TargetName, lasting: For = None, because: Because = "", config: Config = CONFIG, as_json: AsJson = False
) -> None:
    """Give a model server nothing new, within a second; what is under way there goes on.

    Example: guardhouse targets drain gpu-1 --for 1h --because "new driver"
    """
    refuse_unknown("target", target, document_or_refuse(config, as_json=as_json).targets, as_json=as_json)
    switch_off("target", target, lasting, because, config, as_json=as_json)


@app.command()
def undrain(target: TargetName, because: Because = "", config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Let a drained model server be used again.

    Example: guardhouse targets undrain gpu-1
    """
    lift("target", target, f"{target} is not drained", because, config, as_json=as_json)


def _callers(count: int) -> str:
    return "" if not count else "1 caller" if count == 1 else f"{count} callers"


def _together(name: str, workers: dict[str, WorkerFigures]) -> UpstreamFigures:
    """What all workers know of one: the worst state, and the sums."""
    each = [worker.upstreams[name] for worker in workers.values() if name in worker.upstreams]
    return UpstreamFigures(
        breaker=min((of.breaker for of in each), key=_WORST.index),
        pending=sum(of.pending for of in each),
        failures=sum(of.failures for of in each),
        breaks=sum(of.breaks for of in each),
        well=all(of.well for of in each),
        drained=any(of.drained for of in each),
        callers_kept_away=sum(of.callers_kept_away for of in each),
    )
