"""Every route of the administration API against every kind of caller. The routes come from the API's own description,
so a route that is added is tried without anybody having to think of it."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from administering import ADMINISTERING, Stage, perform, role_for
from starlette.routing import Route

from guardhouse.model.operation import Operation

ROLES = ["root", *(role_for(operation) for operation in ADMINISTERING)]


async def described(stage: Stage) -> list[tuple[str, str, str]]:
    """Method, path and need of every route."""
    document = (await stage.ask("GET", "/api/v1/openapi.json")).json()
    return [
        (method.upper(), re.sub(r"{\w+}", "000000000000", path), operation["x-guardhouse-needs"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def test_every_route_is_open_to_the_roles_it_names_and_to_no_other(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        callers = {role: stage.key(f"holder-of-{role}", role) for role in ROLES}
        callers["research"] = stage.key("alice", groups=("research",))
        tried = 0
        for method, path, needs in await described(stage):
            for role, key in callers.items():
                answer = await stage.ask(method, path, key)
                entitled = needs in {"open", "identified"} or role in {"root", f"may-{needs}"}
                assert (answer.status_code != 403) == entitled, (method, path, role, answer.text)
                assert answer.status_code != 401, (method, path, role)
                tried += 1
        assert tried >= len(ROLES) * 8

    perform(tmp_path, scene)


def test_nobody_gets_in_without_a_credential_that_counts(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        revoked = stage.key("ruth", "root")
        stage.ring.revoke(revoked[3:15], time.time())
        expired = stage.key("ed", "root", ends=time.time() - 1)
        suspended = stage.key("sue", "root")
        stage.suspend("sue")
        bad = {None: 401, "gh_nobodynobody_" + "x" * 43: 401, "x.y.z": 401, revoked: 401, expired: 401, suspended: 403}
        for method, path, needs in await described(stage):
            for key, status in bad.items():
                if needs != "open":
                    answer = await stage.ask(method, path, key)
                    assert answer.status_code in {status, 429}, (method, path, answer.text)

    perform(tmp_path, scene)


def test_what_is_served_is_what_is_described(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        document = (await stage.ask("GET", "/api/v1/openapi.json")).json()
        told = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
        routes: list[Route] = stage.administration.routes()
        served = {(route.path, method) for route in routes for method in route.methods or () if method != "HEAD"}
        assert told == served

    perform(tmp_path, scene)


def test_nothing_that_changes_anything_is_a_get(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for method, path, needs in await described(stage):
            if method == "GET":
                assert needs in {"open", "identified"} or needs.endswith(".read"), path

    perform(tmp_path, scene)


def _references(document: Any) -> set[str]:
    if isinstance(document, dict):
        own = {document["$ref"]} if isinstance(document.get("$ref"), str) else set()
        return own.union(*map(_references, document.values())) if document else own
    return set().union(*map(_references, document)) if isinstance(document, list) else set()


def test_the_description_refers_to_nothing_that_it_does_not_hold(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        document = (await stage.ask("GET", "/api/v1/openapi.json")).json()
        held = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
        assert _references(document) <= held
        names = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
        assert len(set(names)) == len(names)

    perform(tmp_path, scene)


@pytest.mark.parametrize("operation", ADMINISTERING)
def test_each_administering_operation_is_a_role_of_these_tests(operation: Operation) -> None:
    assert role_for(operation) in ROLES
