"""`guardhouse serve`: the whole gateway in the foreground, until it is told to end."""

import asyncio
from pathlib import Path

import typer

from guardhouse.app import gateway
from guardhouse.cli.output import CONFIG, AsJson, Config, answer, load_or_refuse, refuse, refuse_configuration
from guardhouse.policy.settings import Settings


def serve(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; then finish what is open. A second one ends it at once.

    Example: guardhouse serve --config guardhouse.yaml
    """
    loaded = load_or_refuse(config, as_json=as_json)

    def announce(settings: Settings, revision: str) -> None:
        document = {**_addresses(settings), "revision": revision}
        others = ", ".join(f"{name} {document[name]}" for name in ("admin", "grpc") if name in document)
        sentence = f"guardhouse is ready: {document['listen']} ({others}, revision {revision})"
        answer(document, sentence, as_json=as_json)
        if revision != loaded.snapshot.revision:
            typer.echo(_differs(config, loaded.snapshot.revision, revision), err=True)

    try:
        status = asyncio.run(
            gateway.serve(
                config.absolute(),
                loaded,
                announce=announce,
                complain=lambda message: typer.echo(f"guardhouse: {message}", err=True),
            )
        )
    except gateway.Unusable as reason:
        refuse_configuration(reason.problems, as_json=as_json)
    except OSError as error:
        refuse(str(error), as_json=as_json)
    raise typer.Exit(status)


def _differs(config: Path, written: str, active: str) -> str:
    return (
        f"guardhouse: {config} says revision {written}, but {active} was activated since it was last read; "
        "`guardhouse policy activate` activates the file"
    )


def _addresses(settings: Settings) -> dict[str, str]:
    """What is listened on, with the ports that were found where the configuration says 0."""
    listen = settings.listen
    scheme = "http" if listen.tls is None else "https"
    found = {"listen": f"{scheme}://{listen.address}", "admin": f"http://{settings.admin.address}"}
    return found if listen.grpc is None else {**found, "grpc": str(listen.grpc.address)}
