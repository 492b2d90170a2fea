"""`guardhouse tokens`: revoke a token, and replace the key that the gateway signs its own with.

The commands work beside a running gateway or without one; a running one follows within a second. Tokens are kept
nowhere, so a token is named by the credential id that records show for it.
"""

import time
from typing import Annotated

import typer

from guardhouse.cli.operator import whoever
from guardhouse.cli.output import CONFIG, AsJson, Config, answer, moment, refuse
from guardhouse.cli.stored import opened
from guardhouse.control import minting
from guardhouse.control.revocations import REMEMBERED, Revocations
from guardhouse.identity.api_keys import is_key_id

app = typer.Typer(no_args_is_help=True, help="Revoke tokens, and rotate the key that signs the gateway's own.")

_LONGEST = 128


def _credential(text: str) -> str:
    if text.startswith("ey") and text.count(".") == 2:
        raise typer.BadParameter("a credential id, as records show it; not the token itself")
    if not 0 < len(text) <= _LONGEST or not text.isprintable() or " " in text:
        raise typer.BadParameter("a credential id, such as corp:3f2a… or gt_…")
    return text


@app.command()
def revoke(
    credential: Annotated[
        str, typer.Argument(metavar="ID", help="The credential id, as records show it.", parser=_credential)
    ],
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """End a token, and every token that was exchanged for it, within a second.

    Example: guardhouse tokens revoke corp:7f3d9e21-5c5a-4c0e-9d53
    """
    if is_key_id(credential):
        refuse("this is the id of an API key; use guardhouse keys revoke", as_json=as_json)
    now = time.time()
    with opened(config, as_json=as_json) as stored:
        Revocations(stored.store.engine).revoke(credential, whoever(), now)
    until = now + REMEMBERED
    answer(
        {"credential": credential, "revoked_at": now, "until": until},
        f"{credential} is revoked; remembered until {moment(until)}",
        as_json=as_json,
    )


@app.command()
def rotate(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Sign with a new key from now on. Tokens of the one before go on until they end; a second rotation ends them.

    Example: guardhouse tokens rotate
    """
    with opened(config, as_json=as_json) as stored:
        minting.rotate(stored.state, time.time())
        key = minting.Minter(stored.state).public_keys[0].kid
    answer({"key": key}, f"tokens are signed with {key} from now on", as_json=as_json)
