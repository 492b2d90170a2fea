"""Asks a gateway's admin port something from the command line. No redirects, no proxies, bounded answers."""

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlencode, urlsplit

from guardhouse.model.denial import Denial
from guardhouse.wire import json as strict

PATIENCE = 30.0  # seconds
_MOST = 64 * 1024


class GatewayError(Exception):
    """The gateway did not do what it was asked; the message says why."""


def post_json(gateway: str, path: str, document: dict[str, Any]) -> dict[str, Any]:
    decoded = strict.decode(_post(gateway, path, json.dumps(document), "application/json"))
    if isinstance(decoded, Denial) or not isinstance(decoded[0], dict):
        raise GatewayError("the gateway's answer is not strict JSON")
    return decoded[0]


def post_form(gateway: str, path: str, form: dict[str, str]) -> None:
    _post(gateway, path, urlencode(form), "application/x-www-form-urlencoded")


def _post(gateway: str, path: str, body: str, kind: str) -> bytes:
    url = urlsplit(gateway)
    assert url.hostname is not None
    connection = (
        http.client.HTTPSConnection(url.hostname, url.port, timeout=PATIENCE, context=ssl.create_default_context())
        if url.scheme == "https"
        else http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE)
    )
    try:
        connection.request("POST", path, body.encode(), {"content-type": kind})
        told = connection.getresponse()
        content = told.read(_MOST + 1)
    except (OSError, http.client.HTTPException) as error:
        raise GatewayError(f"{gateway} cannot be asked: {type(error).__name__}") from error
    finally:
        connection.close()
    if told.status != 200 or len(content) > _MOST:
        raise GatewayError(f"{gateway} answered with status {told.status}: {_message(content)}")
    return content


def _message(content: bytes) -> str:
    """What an error of the gateway says; nothing for one of somebody else's."""
    decoded = strict.decode(content)
    document = None if isinstance(decoded, Denial) else decoded[0]
    error = document.get("error") if isinstance(document, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) and message.isprintable() else "no reason was given"
