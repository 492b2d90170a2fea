"""`guardhouse init`: a first configuration that passes `guardhouse check` as it is, and the folder for its state."""

from pathlib import Path
from typing import Annotated

import typer

from guardhouse.cli.output import AsJson, answer, refuse

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
    as_json: AsJson = False,
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
        refuse(f"{error.filename} exists already; nothing was overwritten", as_json=as_json)
    except OSError as error:
        refuse(f"{error.filename} cannot be written: {error.strerror}", as_json=as_json)
    sentence = f"wrote {config} and {state}; next: guardhouse check -c {config}"
    answer({"config": str(config), "state": str(state)}, sentence, as_json=as_json)
