"""`guardhouse demo`: starts the demonstration in a process of its own, which needs the official client library."""

import importlib.util
import subprocess
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
    raise typer.Exit(_foreground(command))


def _foreground(command: list[str]) -> int:
    """Ctrl-C reaches the whole foreground group: the process ends by itself, and is waited for."""
    process = subprocess.Popen(command)  # noqa: S603 - our own interpreter and module
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
