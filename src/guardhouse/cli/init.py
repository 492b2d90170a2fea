"""`guardhouse init`: a first configuration that passes `guardhouse check` as it is, and the folder for its state."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

CONFIGURATION = """\
# Guardhouse: who may use which model, and how. Check it with `guardhouse check`; docs/configuration.md has every key.
version: 1
listen: {address: "127.0.0.1:8080"}    # callers connect here; beyond this machine it needs tls
state: ./guardhouse-state              # keys, secrets and the journal; only you may read it

targets:                               # model servers; callers cannot choose or add one
  local: {kind: openai, url: "http://127.0.0.1:8000"}      # with a key of its own: credential: "${env:UPSTREAM_KEY}"

models:                                # the names that callers use
  default: {targets: [local]}          # name: what the target calls it, if it differs

policies:                              # whatever no policy allows is denied
  - name: users may chat
    who: {groups: [users]}             # guardhouse keys create alice --group users
    may: [chat, completions, responses, embeddings, models.read]
    models: ["*"]
    limits: {requests: 60/min, tokens: 200k/day}           # of each caller
    mask: {entities: [secrets, email, card], where: [request, response]}
"""


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write guardhouse.yaml.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Write a first guardhouse.yaml and make the folder for its state; nothing that exists is overwritten.

    Example: guardhouse init /etc/guardhouse
    """
    config, state = folder / "guardhouse.yaml", folder / "guardhouse-state"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with config.open("x", encoding="utf-8") as file:
            file.write(CONFIGURATION)
        state.mkdir(mode=0o700, exist_ok=True)
        state.chmod(0o700)
    except FileExistsError as error:
        typer.echo(f"{error.filename} exists already; nothing was overwritten", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"{error.filename} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    typer.echo(
        _as_json(config, state) if as_json else f"wrote {config} and {state}; next: guardhouse check -c {config}"
    )


def _as_json(config: Path, state: Path) -> str:
    return msgspec.json.encode({"config": str(config), "state": str(state)}).decode()
