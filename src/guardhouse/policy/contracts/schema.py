"""A JSON Schema as a contract may use it: judged once while loading, compiled once, asked for each request.

The language is JSON Schema 2020-12 without what would make a contract unbounded or depend on something elsewhere:

- a `$ref` leads to a definition of the same schema (`#/$defs/name`), never to another document, and there are no `$id`
  and anchors, so that nothing is ever fetched (the compiler is offline as well);
- a schema does not contain itself. So the work for a request is bounded by the schema, at most MOST_NODES parts with
  its references written out, times the request. One that refers to itself below `anyOf` could double with each level;
- patterns run on an engine that is linear in the text, which knows neither look-around nor backreferences, and whose
  automata are bounded;
- keywords and formats that are not known are errors; a misspelt one would hold nothing.

Where a fault is costs more than that there is one, so of a document that is large (MOST_LOCATED) it is not said.

A fault tells the place as a JSON Pointer and the keyword, never a value. Names of members that the schema does not
know are the caller's own words, so that a `*` stands for them.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from guardhouse.policy.problem import Path, quote, unknown

MOST_NODES: Final = 20_000
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
FORMATS: Final = frozenset(
    ("date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "json-pointer", "time", "uri", "uuid")
)

ONE: Final = frozenset(("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"))
LISTS: Final = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
MAPS: Final = frozenset(("$defs", "dependentSchemas", "patternProperties", "properties"))
NOTES: Final = frozenset(("$comment", "$schema", "default", "deprecated", "description", "examples", "title"))
PLAIN: Final = frozenset(
    (
        *("$ref", "const", "dependentRequired", "enum", "exclusiveMaximum", "exclusiveMinimum", "format"),
        *("maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength"),
        *("minProperties", "minimum", "multipleOf", "pattern", "required", "type", "uniqueItems"),
    )
)
KEYWORDS: Final = ONE | LISTS | MAPS | NOTES | PLAIN

_REFERENCE: Final = re.compile(r"#/\$defs/[A-Za-z0-9_.-]+")
_MOST_LOCATED: Final = 20_000  # values of a document, times alternatives: for more, no place is looked for
_POINTED: Final = 200  # characters of a pointer that a fault repeats at most
_DEEPEST: Final = 64
_LINEAR: Final = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)


def faults_in(schema: Any) -> list[tuple[Path, str]]:
    """What is wrong with a schema, by place in it. Without any, `Requirement` takes it."""
    found = list(_faults(schema, (), 0))
    if found:
        return found
    circle = _circle(schema)
    if circle is not None:
        return [circle]
    try:
        _compiled(schema)
    except jsonschema_rs.ValidationError as error:
        place = tuple(error.instance_path)
        said = "no pattern that the linear engine can run" if place and _is_pattern(place) else "no valid JSON Schema"
        return [(place, f"is {said}")]
    except ValueError:
        return [((), "is no valid JSON Schema")]
    return []


class Requirement:
    """A schema that documents are held to."""

    __slots__ = ("_is_valid", "_known", "_most", "_validator")

    def __init__(self, schema: Any) -> None:
        self._validator = _compiled(schema)
        self._is_valid = self._validator.is_valid
        self._known = frozenset(_names_in(schema))
        self._most = _MOST_LOCATED // (1 + _branches_in(schema))

    def __repr__(self) -> str:
        return f"<Requirement with {len(self._known)} names>"

    def fault(self, document: Any) -> str | None:
        """Where a document does not fit, and by which keyword; None if it does."""
        try:
            if self._is_valid(document):
                return None
            if not _has_at_most(document, self._most):
                return "at (document): too large to say where"
            self._validator.validate(document)  # raises the first; to look for all would cost whoever sends many
        except jsonschema_rs.ValidationError as error:
            return self._told(error)
        except ValueError:  # what it cannot represent has not been judged
            return "at (document): representation"
        return "at (document): false"

    def _told(self, error: jsonschema_rs.ValidationError) -> str:
        keyword = error.schema_path[-1] if error.schema_path else "false"
        if not isinstance(keyword, str) or keyword not in KEYWORDS:
            keyword = "false"
        return f"at {self._pointer(error.instance_path)}: {keyword}"

    def _pointer(self, steps: list[str | int]) -> str:
        shown = "".join(f"/{self._step(step)}" for step in steps)
        return shown[:_POINTED] or "(document)"

    def _step(self, step: str | int) -> str:
        if isinstance(step, int):
            return str(step)
        return step.replace("~", "~0").replace("/", "~1") if step in self._known else "*"


def _compiled(schema: Any) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        schema,
        validate_formats=True,
        ignore_unknown_formats=False,
        pattern_options=_LINEAR,
        mask="*",
        offline=True,
    )


def _faults(schema: Any, path: Path, depth: int) -> Iterator[tuple[Path, str]]:
    if type(schema) is bool:
        return
    if type(schema) is not dict:
        yield path, "must be a schema: a mapping, true or false"
        return
    if depth > _DEEPEST:
        yield path, "is nested too deeply"
        return
    for keyword, value in schema.items():
        place = (*path, keyword)
        if keyword not in KEYWORDS:
            yield place, unknown("keyword", keyword, KEYWORDS)
        elif keyword == "$schema":
            if value != DRAFT:
                yield place, f"must be {DRAFT}, the only one that this release reads"
        elif keyword == "$ref":
            if type(value) is not str or not _REFERENCE.fullmatch(value):
                yield place, "must be #/$defs/name, a definition of this schema; nothing is ever fetched"
        elif keyword == "format":
            if value not in FORMATS:
                yield place, unknown("format", str(value), FORMATS)
        else:
            yield from _faults_below(keyword, value, place, depth)


def _faults_below(keyword: str, value: Any, place: Path, depth: int) -> Iterator[tuple[Path, str]]:
    if keyword in ONE:
        yield from _faults(value, place, depth + 1)
    elif keyword in LISTS:
        if type(value) is not list:
            yield place, "must be a list of schemas"
            return
        for number, part in enumerate(value):
            yield from _faults(part, (*place, number), depth + 1)
    elif keyword in MAPS:
        if type(value) is not dict:
            yield place, "must be a mapping of schemas"
            return
        for name, part in value.items():
            yield from _faults(part, (*place, name), depth + 1)


def resolve(root: Any, reference: str) -> Any:
    """The definition that is meant; None if there is none."""
    definitions = root.get("$defs") if type(root) is dict else None
    return definitions.get(reference.removeprefix("#/$defs/")) if type(definitions) is dict else None


def parts_of(schema: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The schemas that a schema is made of, except what is only kept for reference."""
    for keyword, value in schema.items():
        if keyword in ONE:
            yield (keyword,), value
        elif keyword in LISTS:
            yield from (((keyword, number), part) for number, part in enumerate(value))
        elif keyword in MAPS and keyword != "$defs":
            yield from (((keyword, name), part) for name, part in value.items())


class _Survey:
    """Looks for a schema that contains itself, leads nowhere or is too large with its references written out."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = MOST_NODES

    def visit(self, schema: Any, path: Path, open_: tuple[str, ...], depth: int = 0) -> tuple[Path, str] | None:
        self._left -= 1
        if self._left < 0:
            return (), f"has more than {MOST_NODES} parts with its references written out"
        if depth > _DEEPEST:
            return path, "is nested too deeply with its references written out"
        if type(schema) is not dict:
            return None
        parts = list(parts_of(schema))
        reference = schema.get("$ref")
        if reference is not None:
            target = resolve(self._root, reference)
            if reference in open_:
                return (*path, "$ref"), "leads back to a schema that contains it; that could not be bounded"
            if target is None:
                return (*path, "$ref"), f"leads nowhere: {quote(reference)}"
            found = self.visit(target, path, (*open_, reference), depth + 1)
            if found is not None:
                return found
        for step, part in parts:
            found = self.visit(part, (*path, *step), open_, depth + 1)
            if found is not None:
                return found
        return None


def _circle(root: Any) -> tuple[Path, str] | None:
    survey = _Survey(root)
    found = survey.visit(root, (), ())
    definitions = root.get("$defs", {}) if type(root) is dict else {}
    for name, part in definitions.items():
        found = found or survey.visit(part, ("$defs", name), (f"#/$defs/{name}",))
    return found


def _names_in(schema: Any) -> Iterator[str]:
    if type(schema) is dict:
        for keyword, value in schema.items():
            if keyword == "properties" and type(value) is dict:
                yield from value
            if keyword not in NOTES and keyword not in PLAIN:
                yield from _names_in(value)
    elif type(schema) is list:
        for part in schema:
            yield from _names_in(part)


def _branches_in(schema: Any) -> int:
    """How many schemas stand in alternatives: of each, a refusal is explained with everything that is wrong with it."""
    if type(schema) is list:
        return sum(_branches_in(part) for part in schema)
    if type(schema) is not dict:
        return 0
    own = sum(len(schema[name]) for name in ("anyOf", "oneOf") if type(schema.get(name)) is list)
    return own + sum(_branches_in(part) for name, part in schema.items() if name not in NOTES and name not in PLAIN)


def _has_at_most(document: Any, most: int) -> bool:
    """Whether a document has no more values than that; no more of it is looked at."""
    level = [document]
    while level:
        most -= len(level)
        if most < 0:
            return False
        level = [
            value
            for node in level
            if type(node) is dict or type(node) is list
            for value in (node.values() if type(node) is dict else node)
        ]
    return True


def _is_pattern(place: Path) -> bool:
    return place[-1] == "pattern" or (len(place) > 1 and place[-2] == "patternProperties")
