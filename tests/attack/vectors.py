"""Reads the attack vectors of tests/corpus/http and turns each into bytes.

A file holds sets; a set has one `request` with the place `<mutation>`, and `cases` that say what is put there. A case
is a string, or a mapping with `put` and whatever it wants different from its set. These names are filled in:

    <auth>            the Host, Authorization and Content-Type lines of a valid request
    <key>             a valid API key
    <chat>            a valid chat document that carries the marker of this vector
    <len>, <size>     its length, decimal and hexadecimal
    <chunked>         the document as one chunk and the end; <tiny-chunks>: one byte per chunk
    <chat-request>    a complete valid request with the marker;  <models-request>  one without a body
    <smuggled>        a complete valid request whose marker must never reach the model server
    <smuggled-chat>   its document
    <text*N>          `text` N times, innermost first

`expect` says what has to happen, alternatives separated by `|`:

    pass        answered 200, and the model server saw it once        served      answered 200 by the gateway alone
    refuse      a 4xx answer, or the connection closed without one     either      one of the two, but cleanly
    incomplete  the client ends first: never a 200
    400 code    this status and, when given, this reason code
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "http"
FILES = sorted(path.stem for path in CORPUS.glob("*.yaml"))
REPEATED = re.compile(r"<([^<>]+)\*(\d+)>")
# expectations under which the connection may live on
LIVES_ON = frozenset({"pass", "served", "either"})


@dataclass(frozen=True, slots=True)
class Vector:
    name: str  # file/set/case
    template: str
    expect: str
    answers: int
    closes: bool  # the connection has to end
    pacings: tuple[str, ...]  # the only ones it makes sense in; empty: all

    @property
    def alternatives(self) -> list[str]:
        return [part.strip() for part in self.expect.split("|")]

    def raw(self, key: str, marker: str) -> bytes:
        return filled(self.template, key, marker)


def document(marker: str) -> str:
    return json.dumps({"model": "tiny", "messages": [{"role": "user", "content": marker}]})


def plain_request(key: str, marker: str) -> str:
    body = document(marker)
    return f"POST /v1/chat/completions HTTP/1.1\r\n{authorised(key)}Content-Length: {len(body)}\r\n\r\n{body}"


def authorised(key: str) -> str:
    return f"Host: gateway.test\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"


def places(key: str, marker: str) -> dict[str, str]:
    chat, hidden, smuggled = (
        document(marker),
        document(f"{marker}-smuggled"),
        plain_request(key, f"{marker}-smuggled"),
    )
    return {
        "auth": authorised(key),
        "key": key,
        "chat": chat,
        "len": str(len(chat)),
        "size": f"{len(chat):x}",
        "chunked": f"{len(chat):x}\r\n{chat}\r\n0\r\n\r\n",
        "tiny-chunks": "".join(f"1\r\n{each}\r\n" for each in chat) + "0\r\n\r\n",
        "chat-request": plain_request(key, marker),
        "models-request": f"GET /v1/models HTTP/1.1\r\n{authorised(key)}\r\n",
        "smuggled": smuggled,
        "smuggled-chat": hidden,
        "smuggled-chat-length": str(len(hidden)),
        "smuggled-length": str(len(smuggled)),
        "smuggled-size": f"{len(smuggled):x}",
    }


def filled(template: str, key: str, marker: str) -> bytes:
    names = places(key, marker)
    text = template
    while (found := REPEATED.search(text)) is not None:
        repeated = names.get(found[1], found[1]) * int(found[2])
        text = text[: found.start()] + repeated + text[found.end() :]
    for name, value in names.items():
        text = text.replace(f"<{name}>", value)
    return text.encode("latin-1")


def load(file: str) -> list[Vector]:
    content = yaml.safe_load((CORPUS / f"{file}.yaml").read_text(encoding="utf-8"))
    return [
        _vector(f"{file}/{group['name']}/{name}", group, case if isinstance(case, dict) else {"put": case})
        for group in content["sets"]
        for name, case in group["cases"].items()
    ]


def _vector(name: str, group: dict[str, Any], case: dict[str, Any]) -> Vector:
    settled = {**group, **case}
    expect = str(settled["expect"])
    lives_on = any(part.strip() in LIVES_ON for part in expect.split("|"))
    return Vector(
        name=name,
        template=settled["request"].replace("<mutation>", case.get("put", "")),
        expect=expect,
        answers=settled.get("answers", 1),
        pacings=tuple(settled.get("pacings", ())),
        closes=not lives_on and settled.get("closes", True),
    )
