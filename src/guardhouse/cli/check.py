"""`guardhouse check`: everything that is wrong with a configuration, or the revision it would run as."""

from typing import Annotated

import typer

from guardhouse.cli.output import CONFIG, AsJson, Config, answer, load_or_refuse, refuse_configuration
from guardhouse.control.state import State
from guardhouse.control.succession import objections


def check(
    elsewhere: Annotated[str | None, typer.Argument(hidden=True, metavar="-c FILE")] = None,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check a configuration without starting anything; exit with 1 if anything is wrong.

    Every problem is told at once, with its file, line and path. Credentials that the configuration refers to are looked
    up but never shown. Where a gateway has been started on this configuration before, its contracts also have to keep
    what those in force promise.

    Example: guardhouse check --config guardhouse.yaml
    """
    if elsewhere is not None:
        raise typer.BadParameter(f"the configuration is named by an option: guardhouse check -c {elsewhere}")
    loaded = load_or_refuse(config, as_json=as_json)
    snapshot = loaded.snapshot
    wrong = objections(State(loaded.settings.state).policy, loaded.document, loaded.source, config)
    if wrong:
        refuse_configuration(wrong, as_json=as_json)
    counts = (
        _counted(len(snapshot.targets), "target", "targets"),
        _counted(len(snapshot.models), "model", "models"),
        _counted(len(snapshot.policies), "policy", "policies"),
    )
    sentence = f"{config}: ok, revision {snapshot.revision}: {', '.join(counts)}"
    answer({"revision": snapshot.revision, "problems": []}, sentence, as_json=as_json)


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
