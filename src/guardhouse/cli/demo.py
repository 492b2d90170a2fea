"""`guardhouse demo`: becomes the demonstration, which needs the official client library.

It takes the place of this process instead of being started by it, so that a signal to the command reaches what ends the
servers.
"""

import importlib.util
import os
import sys
from typing import Annotated

import typer


def demo(
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help="Send nothing; keep gateway and sample model server running.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in lines of JSON.")] = False,
) -> None:
    """Show the gateway at work: real traffic to a sample model server, explained step by step.

    Everything happens on loopback and in a temporary folder. Exits with 0 only if every step did what it should.

    Example: guardhouse demo
    """
    if importlib.util.find_spec("openai") is None:
        typer.echo("the demonstration sends its traffic with the client library `openai`: pip install openai", err=True)
        raise typer.Exit(2)
    chosen = [("--keep-running", keep_running), ("--json", as_json)]
    command = [sys.executable, "-m", "guardhouse.demo", *(option for option, wanted in chosen if wanted)]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter and module
