"""Does a schema accept everything that another one accepts? Answered only with "yes, proven" or "not proven, here".

`unproven(old, new)` lists the places in `new` that could not be shown to follow from `old`. Nothing listed means that
every document that `old` accepts is accepted by `new`. The proof is structural: each keyword of `new` has to be implied
by what `old` says of the same values. It is sound and far from complete; what it does not understand it does not prove
(`not`, `oneOf`, `if` and `contains` only where `old` says the very same).

How: `old` is a conjunction, itself and everything in its `allOf`, with references written out. Where it has branches
(`anyOf`, `oneOf`), each has to do. Where it names its values (`const`, `enum`), they are simply tried. A keyword that
speaks of a type that `old` rules out is implied. Property tests hold this against documents made at random.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from guardhouse.policy.contracts.schema import NOTES, Requirement, resolve
from guardhouse.policy.problem import Path

Schema = Any
_TYPES: Final = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))
_MOST_STEPS: Final = 5_000
_OF_TYPE: Final = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), "string"),
    **dict.fromkeys(("minItems", "maxItems", "uniqueItems", "items", "prefixItems", "contains"), "array"),
    **dict.fromkeys(("minContains", "maxContains"), "array"),
    **dict.fromkeys(("minProperties", "maxProperties", "required", "properties", "patternProperties"), "object"),
    **dict.fromkeys(("additionalProperties", "propertyNames", "dependentRequired", "dependentSchemas"), "object"),
}
_AT_LEAST: Final = frozenset(("minItems", "minLength", "minProperties"))
_AT_MOST: Final = frozenset(("maxItems", "maxLength", "maxProperties"))


class _BeyondReachError(Exception):
    """Ends a proof that takes too many steps; never leaves this file."""


def unproven(old: Schema, new: Schema) -> list[Path]:
    proof = _Proof()
    try:
        return proof.missing(_expanded(old, old), _expanded(new, new), ())
    except (_BeyondReachError, RecursionError):
        return [()]


def _expanded(schema: Schema, root: Schema) -> Schema:
    """Without references and notes; both are schemas that were found sound."""
    if type(schema) is bool:
        return schema
    kept: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in NOTES or keyword in ("$defs", "$ref"):
            continue
        if keyword in ("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"):
            kept[keyword] = _expanded(value, root)
        elif keyword in ("allOf", "anyOf", "oneOf", "prefixItems"):
            kept[keyword] = [_expanded(part, root) for part in value]
        elif keyword in ("dependentSchemas", "patternProperties", "properties"):
            kept[keyword] = {name: _expanded(part, root) for name, part in value.items()}
        else:
            kept[keyword] = value
    if "$ref" in schema:
        target = _expanded(resolve(root, schema["$ref"]), root)
        return target if not kept else {"allOf": [target, kept]}
    return kept


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _accepts(schema: Schema, value: Any) -> bool:
    return Requirement(schema).fault(value) is None


def _conjuncts(schema: Schema) -> Iterator[dict[str, Any]]:
    """What must hold together. `false` is said as the conjunct that nothing fulfils."""
    if schema is False:
        yield {"type": []}
    elif schema is not True:
        yield schema
        for part in schema.get("allOf", ()):
            yield from _conjuncts(part)


def _all_of(parts: list[Schema]) -> Schema:
    parts = [part for part in parts if part is not True]
    return parts[0] if len(parts) == 1 else {"allOf": parts} if parts else True


def _types(conjuncts: list[dict[str, Any]]) -> frozenset[str]:
    """What the values can be."""
    types = _TYPES
    for conjunct in conjuncts:
        said = conjunct.get("type")
        if said is not None:
            types &= _named_types(said)
    return types


def _named_types(said: str | list[str]) -> frozenset[str]:
    """What `type` says; an integer is a number, too."""
    named = frozenset((said,) if isinstance(said, str) else said)
    return named | {"integer"} if "number" in named else named


class _Proof:
    def __init__(self) -> None:
        self._steps = _MOST_STEPS

    def missing(self, old: Schema, new: Schema, path: Path) -> list[Path]:
        """The places in `new` that do not follow from `old`."""
        self._steps -= 1
        if self._steps < 0:
            raise _BeyondReachError
        if new is True or new == {} or _same(old, new):
            return []
        conjuncts = list(_conjuncts(old))
        types = _types(conjuncts)
        if not types:
            return []
        values = next((values for conjunct in conjuncts if (values := _values(conjunct)) is not None), None)
        if values is not None:
            return [] if all(_accepts(new, value) for value in values if _accepts(old, value)) else [path]
        if new is False:
            return [path]
        found = [
            place
            for keyword in new
            for place in self._keyword(keyword, new, old, conjuncts, types, path=(*path, keyword))
        ]
        return found if not found or not self._by_branches(old, conjuncts, new, path) else []

    def _by_branches(self, old: Schema, conjuncts: list[dict[str, Any]], new: Schema, path: Path) -> bool:
        """Whether each of the branches of one of the conjuncts leads to `new`."""
        for conjunct in conjuncts:
            for keyword in ("anyOf", "oneOf"):
                if keyword in conjunct:
                    branches: list[Schema] = conjunct[keyword]
                    rest = [
                        {name: value for name, value in each.items() if name != keyword or value != branches}
                        for each in _apart(conjuncts)
                    ]
                    if all(not self.missing(_all_of([branch, *rest]), new, path) for branch in branches):
                        return True
        return False

    def _keyword(
        self,
        keyword: str,
        new: dict[str, Any],
        old: Schema,
        conjuncts: list[dict[str, Any]],
        types: frozenset[str],
        *,
        path: Path,
    ) -> list[Path]:
        value = new[keyword]
        kind = _OF_TYPE.get(keyword)
        if kind is not None and kind not in types and not (kind == "number" and "integer" in types):
            return []
        if keyword == "type":
            return [] if types <= _named_types(value) else [path]
        if keyword == "allOf":
            return [place for number, part in enumerate(value) for place in self.missing(old, part, (*path, number))]
        if keyword == "anyOf":
            return [] if any(not self.missing(old, part, path) for part in value) else [path]
        if keyword in ("then", "else", "minContains", "maxContains"):
            return []  # said together with `if` and `contains`
        if keyword in ("if", "contains"):
            together = ("if", "then", "else") if keyword == "if" else ("contains", "minContains", "maxContains")
            said = {name: new.get(name) for name in together}
            return [] if any(_same(said, {name: each.get(name) for name in together}) for each in conjuncts) else [path]
        structural = self._structural(keyword)
        if structural is not None:
            return structural(new, conjuncts, path)
        return [] if any(_implies(keyword, each, value, conjuncts) for each in conjuncts) else [path]

    def _structural(self, keyword: str) -> Callable[[dict[str, Any], list[dict[str, Any]], Path], list[Path]] | None:
        return {
            "properties": self._properties,
            "patternProperties": self._patterns,
            "additionalProperties": self._additional,
            "propertyNames": self._names,
            "dependentSchemas": self._dependent,
            "prefixItems": self._prefix,
            "items": self._items,
        }.get(keyword)

    def _properties(self, new: dict[str, Any], conjuncts: list[dict[str, Any]], path: Path) -> list[Path]:
        return [
            place
            for name, part in new["properties"].items()
            for place in self.missing(_property(conjuncts, name), part, (*path, name))
        ]

    def _patterns(self, new: dict[str, Any], conjuncts: list[dict[str, Any]], path: Path) -> list[Path]:
        found: list[Path] = []
        for pattern, part in new["patternProperties"].items():
            place = (*path, pattern)
            for name in _named(conjuncts):
                if _matches(pattern, name):
                    found += self.missing(_property(conjuncts, name), part, place)
            if not any(self._rest_is(each, part, place, known=pattern) for each in conjuncts):
                found.append(place)
        return found

    def _additional(self, new: dict[str, Any], conjuncts: list[dict[str, Any]], path: Path) -> list[Path]:
        part = new["additionalProperties"]
        if part is True or part == {}:
            return []
        known, patterns = new.get("properties", {}), new.get("patternProperties", {})
        found: list[Path] = []
        for name in _named(conjuncts):
            if name not in known and not any(_matches(pattern, name) for pattern in patterns):
                found += self.missing(_property(conjuncts, name), part, path)
        if not any(self._rest_is(each, part, path, patterns=patterns) for each in conjuncts):
            found.append(path)
        return found

    def _rest_is(
        self,
        conjunct: dict[str, Any],
        part: Schema,
        path: Path,
        known: str | None = None,
        patterns: dict[str, Schema] | None = None,
    ) -> bool:
        """Whether what a conjunct says of names that are in no `properties` leads to `part`.

        `known` is the pattern in question; names that match one of `patterns` are not."""
        own = conjunct.get("patternProperties", {})
        if known is not None and known in own and not self.missing(own[known], part, path):
            return True
        if self.missing(conjunct.get("additionalProperties", True), part, path):
            return False
        return all(pattern in (patterns or {}) or not self.missing(said, part, path) for pattern, said in own.items())

    def _names(self, new: dict[str, Any], conjuncts: list[dict[str, Any]], path: Path) -> list[Path]:
        part = new["propertyNames"]
        for each in conjuncts:
            if "propertyNames" in each and not self.missing(
                _all_of([each["propertyNames"], {"type": "string"}]), part, path
            ):
                return []
            closed = each.get("additionalProperties") is False and not each.get("patternProperties")
            if closed and all(_accepts(part, name) for name in each.get("properties", {})):
                return []
        return self.missing({"type": "string"}, part, path)

    def _dependent(self, new: dict[str, Any], conjuncts: list[dict[str, Any]], path: Path) -> list[Path]:
        found: list[Path] = []
        for name, part in new["dependentSchemas"].items():
            said = [each["dependentSchemas"][name] for each in conjuncts if name in each.get("dependentSchemas", {})]
            found += self.missing(_all_of([*_apart(conjuncts), *said]), part, (*path, name))
        return found

    def _prefix(self, new: dict[str, Any], conjuncts: list[dict[str, Any]], path: Path) -> list[Path]:
        most = _most_items(conjuncts)
        return [
            place
            for number, part in enumerate(new["prefixItems"][:most])
            for place in self.missing(_item(conjuncts, number), part, (*path, number))
        ]

    def _items(self, new: dict[str, Any], conjuncts: list[dict[str, Any]], path: Path) -> list[Path]:
        first = len(new.get("prefixItems", ()))
        longest = max([first, *(len(each.get("prefixItems", ())) for each in conjuncts)])
        most = _most_items(conjuncts)
        numbers = [number for number in range(first, longest + 1) if most is None or number < most]
        return [place for number in numbers for place in self.missing(_item(conjuncts, number), new["items"], path)]


def _apart(conjuncts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each without the others that its `allOf` has, as schemas to be put together again."""
    return [{name: value for name, value in each.items() if name != "allOf"} for each in conjuncts]


def _values(conjunct: dict[str, Any]) -> list[Any] | None:
    if "const" in conjunct:
        return [conjunct["const"]]
    values: list[Any] | None = conjunct.get("enum")
    return values


def _named(conjuncts: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for each in conjuncts for name in each.get("properties", {})))


def _property(conjuncts: list[dict[str, Any]], name: str) -> Schema:
    """Everything that is said of the member `name`."""
    parts: list[Schema] = []
    for each in conjuncts:
        said = [part for pattern, part in each.get("patternProperties", {}).items() if _matches(pattern, name)]
        if name in each.get("properties", {}):
            said.append(each["properties"][name])
        parts += said or [each.get("additionalProperties", True)]
    return _all_of(parts)


def _item(conjuncts: list[dict[str, Any]], number: int) -> Schema:
    parts: list[Schema] = []
    for each in conjuncts:
        prefix = each.get("prefixItems", ())
        parts.append(prefix[number] if number < len(prefix) else each.get("items", True))
    return _all_of(parts)


def _most_items(conjuncts: list[dict[str, Any]]) -> int | None:
    said = [int(each["maxItems"]) for each in conjuncts if "maxItems" in each]
    return min(said) if said else None


def _matches(pattern: str, name: str) -> bool:
    return _accepts({"pattern": pattern}, name)


def _implies(keyword: str, old: dict[str, Any], value: Any, conjuncts: list[dict[str, Any]]) -> bool:
    """Whether a conjunct implies a keyword that only compares."""
    said = old.get(keyword)
    if keyword in _AT_LEAST:
        return value <= 0 or (said is not None and said >= value)
    if keyword in _AT_MOST:
        return said is not None and said <= value
    if keyword in ("minimum", "exclusiveMinimum"):
        return _is_above(old, value, strictly=keyword == "exclusiveMinimum")
    if keyword in ("maximum", "exclusiveMaximum"):
        return _is_below(old, value, strictly=keyword == "exclusiveMaximum")
    if keyword == "multipleOf":
        return type(said) is int and type(value) is int and said % value == 0
    if keyword == "uniqueItems":
        return value is False or said is True
    if keyword == "required":
        return frozenset(value) <= {name for each in conjuncts for name in each.get("required", ())}
    if keyword == "dependentRequired":
        always = {name for each in conjuncts for name in each.get("required", ())}
        asked = old.get(keyword, {})
        return all(frozenset(names) <= always | frozenset(asked.get(name, ())) for name, names in value.items())
    return said is not None and _same(said, value)


def _is_above(old: dict[str, Any], value: float, *, strictly: bool) -> bool:
    least, beyond = old.get("minimum"), old.get("exclusiveMinimum")
    if beyond is not None and beyond >= value:
        return True
    return least is not None and (least > value if strictly else least >= value)


def _is_below(old: dict[str, Any], value: float, *, strictly: bool) -> bool:
    most, beyond = old.get("maximum"), old.get("exclusiveMaximum")
    if beyond is not None and beyond <= value:
        return True
    return most is not None and (most < value if strictly else most <= value)
