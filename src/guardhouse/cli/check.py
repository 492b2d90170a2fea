"""`guardhouse check`: everything that is wrong with a configuration, or the revision it would run as."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from guardhouse.policy.load import Loaded, load
from guardhouse.policy.problem import Problems


def check(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration to check.")] = Path(
        "guardhouse.yaml"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Check a configuration without starting anything; exit with 1 if anything is wrong.

    Every problem is told at once, with its file, line and path. Secrets that the configuration refers to are looked up
    but never shown.

    Example: guardhouse check --config guardhouse.yaml
    """
    outcome = load(config)
    typer.echo(_as_json(outcome) if as_json else _as_text(outcome, config))
    if not isinstance(outcome, Loaded):
        raise typer.Exit(1)


def _as_text(outcome: Loaded | Problems, config: Path) -> str:
    if isinstance(outcome, Loaded):
        snapshot = outcome.snapshot
        counts = (
            _counted(len(snapshot.targets), "target", "targets"),
            _counted(len(snapshot.models), "model", "models"),
            _counted(len(snapshot.policies), "policy", "policies"),
        )
        return f"{config}: ok, revision {snapshot.revision}: {', '.join(counts)}"
    return "\n".join([*map(str, outcome), _counted(len(outcome), "problem", "problems")])


def _as_json(outcome: Loaded | Problems) -> str:
    if isinstance(outcome, Loaded):
        answer = {"ok": True, "revision": outcome.snapshot.revision, "problems": []}
    else:
        answer = {"ok": False, "revision": None, "problems": outcome}
    return msgspec.json.encode(answer).decode()


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
