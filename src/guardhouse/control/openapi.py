"""`/api/v1/openapi.json`: the description of the administration API, made from the same rows that serve it.

What a route needs stands beside it as `x-guardhouse-needs`: the word of an operation, `identified` or `open`. A test
takes the routes from here and tries every role on each.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from guardhouse import __version__
from guardhouse.control.endpoint import OPEN, Endpoint
from guardhouse.model.operation import Operation

_TEMPLATE = "#/components/schemas/{name}"
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}


def describe(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    structs = {kind for endpoint in endpoints for kind in (endpoint.takes, endpoint.gives) if kind is not None}
    ordered = sorted(structs, key=lambda kind: kind.__name__)
    references, components = msgspec.json.schema_components(ordered, ref_template=_TEMPLATE)
    schemas = dict(zip(ordered, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Guardhouse administration", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR},
            "securitySchemes": {"credential": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, schemas: dict[Any, Any]) -> dict[str, Any]:
    needs = endpoint.needs.word if isinstance(endpoint.needs, Operation) else endpoint.needs
    described: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method.lower()}{re.sub(r'[^a-z]+', '_', endpoint.path.removeprefix('/api/v1'))}",
        "security": [] if endpoint.needs == OPEN else [{"credential": []}],
        "x-guardhouse-needs": needs,
        "responses": {
            str(endpoint.status): {"description": "Done.", **_content(endpoint.gives, schemas)},
            "default": {"description": "Refused.", "content": _json({"$ref": _TEMPLATE.format(name="Error")})},
        },
    }
    parameters = _parameters(endpoint)
    if parameters:
        described["parameters"] = parameters
    if endpoint.takes is not None:
        described["requestBody"] = {"required": True, **_content(endpoint.takes, schemas)}
    return described


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    return found + [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in endpoint.query.items()
    ]


def _content(kind: Any, schemas: dict[Any, Any]) -> dict[str, Any]:
    return {} if kind is None else {"content": _json(schemas[kind])}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
