"""The command `guardhouse`: every command by its name, one file each; what they do is done elsewhere.

Tracebacks are plain and show no local variables, because those of a gateway hold secrets.
"""

from typing import Annotated

import typer

from guardhouse import __version__
from guardhouse.cli import audit, keys, policy, residency, targets, tokens
from guardhouse.cli import standing as switches
from guardhouse.cli.check import check
from guardhouse.cli.demo import demo
from guardhouse.cli.doctor import doctor
from guardhouse.cli.explain import explain, try_cases
from guardhouse.cli.init import init
from guardhouse.cli.login import login, logout
from guardhouse.cli.serve import serve
from guardhouse.cli.usage import usage

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="A secure inference gateway."
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"guardhouse {__version__}")
        raise typer.Exit


@app.callback(epilog="Example: guardhouse init && guardhouse check && guardhouse serve")
def guardhouse(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...


for _command in (
    init,
    check,
    doctor,
    serve,
    demo,
    switches.suspend,
    switches.unsuspend,
    switches.standing,
    usage,
    login,
    logout,
):
    app.command()(_command)
app.add_typer(keys.app, name="keys")
app.add_typer(tokens.app, name="tokens")
policy.app.command()(explain)
policy.app.command("test")(try_cases)
app.add_typer(policy.app, name="policy")
app.add_typer(audit.app, name="audit")
app.add_typer(residency.app, name="residency")
app.add_typer(switches.gates, name="gates")
app.add_typer(targets.app, name="targets")
