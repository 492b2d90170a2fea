"""`routes`: paths of model servers that speak no dialect of their own, and what stands where in their documents.

A request to one is JSON, and so is its answer; what they must look like beyond that is for the contract of the model.
A route leads to the targets of its model that speak `generic`. Its operation is what policies call it; for one whose
answers are measured in tokens, `length_at` is needed, or no budget could hold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from guardhouse.model.dialect import SPOKEN, DialectName
from guardhouse.model.operation import MEASURED_IN_TOKENS, OF_ACCESS, Operation
from guardhouse.model.reason import Reason
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path, unknown
from guardhouse.policy.reading import Key, ListOf, MapOf, OneOrMore, Shape
from guardhouse.wire.dialects import table
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.generic.dialect import Generic, Plan
from guardhouse.wire.dialects.generic.pointers import PATTERN, parse

ROLES = ("system", "user", "assistant", "tool", "other")
_PROBES = ("/healthz", "/readyz")


class RouteEntry(msgspec.Struct, frozen=True, kw_only=True):
    operation: Operation
    model: str | None = None
    model_at: str | None = None
    length_at: str | None = None
    answers_at: tuple[str, ...] = ()
    texts: dict[str, str] = {}
    structural: tuple[str, ...] = ()
    structural_in_answers: tuple[str, ...] = ()


class Model(Protocol):
    @property
    def targets(self) -> Sequence[str]: ...


class Target(Protocol):
    @property
    def kind(self) -> DialectName: ...
    @property
    def speaks(self) -> Sequence[DialectName] | None: ...


_POINTER = kinds.Text(PATTERN, "a JSON Pointer, such as /comment or /items/*/text")
ROUTE = Shape(
    RouteEntry,
    {
        "operation": Key(
            kinds.Choice("operation", {operation.word: operation for operation in OF_ACCESS["infer"]}),
            "What policies call it.",
        ),
        "model": Key(kinds.MODEL_NAME, "The model that it asks for."),
        "model_at": Key(_POINTER, "Where the document names its model, if the route is not for one alone."),
        "length_at": Key(_POINTER, "Where the document says how many tokens the answer may have."),
        "answers_at": Key(
            OneOrMore(_POINTER),
            "Where the document says how many answers are made: numbers, of which the largest counts, and lists.",
        ),
        "texts": Key(
            MapOf(_POINTER, kinds.Choice("role", {role: role for role in ROLES})),
            "Who speaks where; the texts of every other place are other.",
        ),
        "structural": Key(ListOf(_POINTER), "Places of ids and the like: never masked, up to 256 characters."),
        "structural_in_answers": Key(ListOf(_POINTER), "The same for answers."),
    },
)
_PATH = kinds.Text(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]{1,128}){1,16}", "a plain path, such as /v1/score")
ROUTES = MapOf(_PATH, ROUTE)


def compiled(entries: Mapping[str, RouteEntry]) -> dict[bytes, Route]:
    return {path.encode(): _route(path, entry) for path, entry in entries.items()}


def _route(path: str, entry: RouteEntry) -> Route:
    plan = Plan(
        model=entry.model or "",
        model_at=parse(entry.model_at or ""),
        length_at=parse(entry.length_at or ""),
        answers_at=[parse(text) for text in entry.answers_at],
        spoken=[(parse(text), role) for text, role in entry.texts.items()],
        structural=[parse(text) for text in entry.structural],
        structural_in_answers=[parse(text) for text in entry.structural_in_answers],
    )
    return Route(Generic(plan), entry.operation, path.encode(), entry.model)


def findings(
    entries: Mapping[str, RouteEntry],
    models: Mapping[str, Model],
    targets: Mapping[str, Target],
    may: Callable[[Operation, str], bool],
) -> Iterator[tuple[Path, str]]:
    """`may` says whether any policy lets anybody do this with a model."""
    served = [name for name, model in models.items() if _is_served(model, targets)]
    for path, entry in entries.items():
        yield from _flaws(path, entry)
        if entry.model is None:
            if not any(may(entry.operation, name) for name in served):
                yield (path,), "no policy lets anybody use this route"
        elif entry.model not in models:
            yield (path, "model"), unknown("model", entry.model, models)
        elif entry.model not in served:
            yield (path, "model"), "has no target that speaks generic"
        elif not may(entry.operation, entry.model):
            yield (path,), "no policy lets anybody use this route"


def _flaws(path: str, entry: RouteEntry) -> Iterator[tuple[Path, str]]:
    """What is wrong with it whatever else is configured."""
    if path in _PROBES or table.recognise("POST", path.encode(), ()) is not Reason.ROUTE_UNKNOWN:
        yield (path,), "is a path of the gateway's own"
    if (entry.model is None) == (entry.model_at is None):
        yield (path,), "needs either model or model_at"
    if entry.operation in MEASURED_IN_TOKENS and entry.length_at is None:
        yield (path,), f"needs length_at: answers of {entry.operation.word} are measured in tokens"
    if entry.length_at is not None and entry.length_at.rpartition("/")[2] in ("*", ""):
        yield (path, "length_at"), "must end with the name of a member"
    elif entry.length_at is not None and "*" in parse(entry.length_at):
        yield (path, "length_at"), "must name one place; leave * out"
    if entry.answers_at and entry.operation not in MEASURED_IN_TOKENS:
        yield (path, "answers_at"), f"says nothing: answers of {entry.operation.word} are not measured in tokens"
    for number, text in enumerate(entry.answers_at):
        if "*" in parse(text):
            yield (path, "answers_at", number), "must name one place; leave * out"


def _is_served(model: Model, targets: Mapping[str, Target]) -> bool:
    found = [targets[name] for name in model.targets if name in targets]
    return any("generic" in (SPOKEN[target.kind] if target.speaks is None else target.speaks) for target in found)
