"""`guardhouse login` and `logout`: a token for this machine's command line, allowed by a person in a browser.

Listens on a free loopback port for one answer that has the state which was sent, and sends the code of that answer with
a verifier that never left this process (control/login.py is the other end). The token goes to a file of mode 0600 and
is never printed. A gateway on another machine has to be asked over https, since the token comes back on that way.
"""

import hmac
import re
import sys
import time
import webbrowser
from typing import Annotated, Any, NoReturn
from urllib.parse import urlencode

import typer

from guardhouse.cli import token_file
from guardhouse.cli.gateway_client import GatewayError, post_form, post_json
from guardhouse.cli.loopback import Answered, Loopback
from guardhouse.cli.output import AsJson, answer, moment, refuse
from guardhouse.identity.pkce import challenge_of, random_text, words_of
from guardhouse.model.secret import Secret
from guardhouse.policy.network import is_loopback
from guardhouse.policy.units import parse_duration

_GATEWAY = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?/?")
_DEFAULT = "http://127.0.0.1:9090"
_WITHIN = 300.0  # seconds that a person is given


def _gateway(text: str) -> str:
    match = _GATEWAY.fullmatch(text)
    if match is None:
        raise typer.BadParameter("the URL of the gateway's admin port, such as https://guardhouse.example.com")
    if match[1] == "http" and not is_loopback(match[2].strip("[]")):
        raise typer.BadParameter("must be https:// for another machine: the token would travel unencrypted")
    return text.rstrip("/")


def _seconds(text: str) -> float:
    seconds = parse_duration(text)
    if seconds is None:
        raise typer.BadParameter("a whole number and ms, s, m, h or d, such as 5m")
    return seconds


Gateway = Annotated[
    str, typer.Argument(metavar="URL", help="The gateway's admin port, as browsers call it.", parser=_gateway)
]


def login(
    gateway: Gateway = _DEFAULT,
    *,
    scope: Annotated[
        str, typer.Option("--scope", help="Narrow the token: operations, kinds of access, model:NAME.")
    ] = "",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only show where to go.")] = False,
    within: Annotated[
        float | None, typer.Option("--within", metavar="DURATION", help="Give up after this long; 5m.", parser=_seconds)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Get a token by signing in with a browser; it is kept in a file that only you may read.

    Example: guardhouse login https://guardhouse.example.com --scope infer
    """
    state, verifier = random_text(), random_text()
    challenge = challenge_of(verifier)
    with Loopback() as listening:
        asked = {"port": listening.port, "state": state, "challenge": challenge, "scope": scope}
        where = f"{gateway}/login?{urlencode({name: value for name, value in asked.items() if value})}"
        sys.stderr.write(f"Sign in here: {where}\nand allow the command line if the page shows {words_of(challenge)}\n")
        sys.stderr.flush()
        if not no_browser:
            webbrowser.open(where)
        code = listening.wait(lambda given: _code_of(given, state), time.monotonic() + (within or _WITHIN))
    if code is None:
        refuse("nobody has allowed it in time", as_json=as_json)
    _keep(gateway, _redeemed(gateway, code, verifier, as_json=as_json), as_json=as_json)


def logout(gateway: Gateway = _DEFAULT, as_json: AsJson = False) -> None:
    """End the token that `guardhouse login` has got, and remove it.

    Example: guardhouse logout https://guardhouse.example.com
    """
    path = token_file.path_for(gateway)
    token = token_file.kept(path)
    if token is None:
        refuse(f"there is no token for {gateway}", as_json=as_json)
    try:
        post_form(gateway, "/api/v1/token/revoke", {"token": token.reveal()})
    except GatewayError as failed:
        refuse(f"the token could not be ended and stays where it is: {failed}", as_json=as_json)
    path.unlink()
    answer({"gateway": gateway}, f"the token for {gateway} is ended and removed", as_json=as_json)


def _code_of(given: Answered, state: str) -> str | None:
    """The code of an answer that belongs to this sign-in; others are left unanswered for."""
    own = hmac.compare_digest(given.get("state", "").encode(), state.encode())
    return given.get("code") if own else None


def _redeemed(gateway: str, code: str, verifier: str, *, as_json: bool) -> dict[str, Any]:
    try:
        return post_json(gateway, "/api/v1/login", {"code": code, "verifier": verifier})
    except GatewayError as failed:
        refuse(str(failed), as_json=as_json)


def _keep(gateway: str, handed: dict[str, Any], *, as_json: bool) -> None:
    token, lives, principal = (handed.get(name) for name in ("access_token", "expires_in", "principal"))
    if not isinstance(token, str) or not isinstance(lives, int) or not isinstance(principal, str):
        _not_understood(as_json=as_json)
    path = token_file.path_for(gateway)
    token_file.keep(path, Secret(token))
    ends = time.time() + lives
    shown = {"gateway": gateway, "principal": principal, "expires_at": ends, "file": str(path)}
    answer(shown, f"{principal} until {moment(ends)}; the token is in {path}", as_json=as_json)


def _not_understood(*, as_json: bool) -> NoReturn:
    refuse("the gateway's answer cannot be understood", as_json=as_json)
