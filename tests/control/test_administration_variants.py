"""Spellings of paths, hosts and headers that have passed the checks of others, on every route that asks who asks."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from administering import BASE, Stage, perform
from people import PEOPLE, Provider, published, sign_in, standing_in

IDENTITIES = ("x-forwarded-user", "x-remote-user", "x-auth-request-user", "x-guardhouse-principal", "x_api_key")
ELSEWHERE = ("x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-prefix", "x-http-method-override")
HOSTS = ("127.0.0.1:9090@evil.example", "evil.example", "x/#@y", "x/metrics?x=", "127.0.0.1.evil.example", "", "[::1")
CREDENTIALS = (
    {"authorization": "Basic cm9vdDpyb290"},
    {"authorization": "Bearer"},
    {"authorization": "Bearer "},
    {"authorization": "bearer root"},
    {"authorization": "Bearer null"},
    {"x-api-key": "undefined"},
    {"api-key": "gh_"},
    {"cookie": "guardhouse-session="},
    {"cookie": "guardhouse-session=root; __Host-guardhouse-session=root"},
    {"cookie": "session=root"},
)


def spellings(path: str) -> Iterator[str]:
    yield from (path, path.upper(), f"{path}/", f"/{path}", f"{path}?x=/metrics", f"{path};/metrics", f"{path}%00")
    yield from (f"/metrics/..{path}", f"/metrics/%2e%2e{path}", f"/healthz;{path}", path.replace("/v1/", "//v1//"))
    yield from (path.replace("api", "%61pi"), "/" + path[1:].replace("/", "%2f"), "/" + path[1:].replace("/", "%5c"))


def disguises() -> Iterator[dict[str, str]]:
    yield {}
    yield from ({name: "root"} for name in IDENTITIES)
    yield from ({name: "/metrics"} for name in ELSEWHERE)
    yield from ({"host": host} for host in HOSTS)
    yield from CREDENTIALS


async def guarded(stage: Stage) -> list[tuple[str, str]]:
    document = (await stage.ask("GET", "/api/v1/openapi.json")).json()
    return [
        (method.upper(), path.replace("{id}", "000000000000"))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["x-guardhouse-needs"] != "open"
    ]


def test_no_spelling_of_a_route_and_no_disguise_gets_in(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        tried = 0
        for method, path in await guarded(stage):
            for headers in disguises():
                for spelling in spellings(path) if not headers else (path,):
                    answer = await stage.client.request(
                        method, httpx.URL(BASE).copy_with(raw_path=spelling.encode()), headers=headers
                    )
                    assert answer.status_code in {400, 401, 404, 405, 421, 429}, (method, spelling, headers)
                    tried += 1
        assert tried >= 300
        assert stage.store.list() == []

    perform(tmp_path, scene)


def test_no_route_that_changes_anything_takes_a_session_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider()
    provider.claims = {"roles": ["root"]}

    async def scene(stage: Stage) -> None:
        async with stage.browser() as browser:
            await sign_in(stage, provider, browser)
            for method, path in await guarded(stage):
                for headers in ({}, {"origin": "https://evil.example"}, {"referer": f"{BASE}/signin"}):
                    answer = await browser.request(method, path, headers=headers)
                    refused = answer.status_code == 403 and answer.json()["error"]["code"] == "origin_refused"
                    assert refused == (method != "GET"), (method, path, headers, answer.text)

    with standing_in(provider, monkeypatch):
        perform(tmp_path, scene, PEOPLE, published)
