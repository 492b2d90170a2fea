"""`guardhouse serve`: the whole gateway in the foreground, until it is told to end."""

import asyncio

import typer

from guardhouse.app import gateway
from guardhouse.cli.output import CONFIG, AsJson, Config, answer, load_or_refuse, refuse
from guardhouse.policy.settings import Settings


def serve(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; then finish what is open. A second one ends it at once.

    Example: guardhouse serve --config guardhouse.yaml
    """
    loaded = load_or_refuse(config, as_json=as_json)
    settings = loaded.settings
    document = {**_addresses(settings), "revision": loaded.snapshot.revision}
    sentence = f"guardhouse is ready: {document['listen']} (admin {document['admin']}, revision {document['revision']})"
    try:
        status = asyncio.run(
            gateway.serve(
                config,
                settings,
                announce=lambda: answer(document, sentence, as_json=as_json),
                complain=lambda message: typer.echo(f"guardhouse: {message}", err=True),
            )
        )
    except OSError as error:
        refuse(str(error), as_json=as_json)
    raise typer.Exit(status)


def _addresses(settings: Settings) -> dict[str, str]:
    scheme = "http" if settings.listen.tls is None else "https"
    return {"listen": f"{scheme}://{settings.listen.address}", "admin": f"http://{settings.admin.address}"}
