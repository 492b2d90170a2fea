"""One declared route as a `Dialect` of its own; unlike the others it has a state, which is what the configuration says.

Every string of a request is a text, whatever was declared; a declaration says who speaks at a place, or that what
stands there pairs one thing with another and is passed over (up to a length). Every string of an answer is a text of
the assistant, but for what is declared there. Nothing flows: a stream is collected, and refused where it would have
to be masked.

The model is fixed, or stands in the document at `model_at`; the length of the answer stands at `length_at`, if a model
server takes one, and how many answers it makes at `answers_at`: numbers, of which the largest counts, and lists, each
entry of which is answered.
"""

from collections.abc import Collection, Sequence
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.model.text import Text
from guardhouse.model.usage import Usage
from guardhouse.wire import json
from guardhouse.wire.dialects.declared import declared
from guardhouse.wire.dialects.dialect import Dialect, Prepared, Route
from guardhouse.wire.dialects.flow import AnswerStream, MaskerFactory, Whole
from guardhouse.wire.dialects.generic.pointers import Pointer, places
from guardhouse.wire.dialects.rules import invalid
from guardhouse.wire.dialects.server_texts import names_servers, without_tokens
from guardhouse.wire.dialects.walk import LONGEST_ID, collect

_TOOLS = ("tools", "functions")


class Plan:
    """Where things stand in the documents of one route."""

    __slots__ = ("answers_at", "length_at", "model", "model_at", "spoken", "structural", "structural_in_answers")

    def __init__(
        self,
        *,
        model: str = "",
        model_at: Pointer = (),
        length_at: Pointer = (),
        answers_at: Sequence[Pointer] = (),
        spoken: Sequence[tuple[Pointer, str]] = (),
        structural: Sequence[Pointer] = (),
        structural_in_answers: Sequence[Pointer] = (),
    ) -> None:
        self.model = model
        self.model_at = model_at
        self.length_at = length_at
        self.answers_at = tuple(answers_at)
        self.spoken = tuple(spoken)
        self.structural = tuple(structural)
        self.structural_in_answers = tuple(structural_in_answers)


class Generic(Dialect):
    __slots__ = ("_named", "_plan", "_structural")

    name = "generic"
    flowing = b"\x00"  # no content type: nothing flows

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._structural = (*plan.structural, plan.model_at) if plan.model_at else plan.structural
        pointers = [pointer for pointer, _ in plan.spoken] + [*self._structural, plan.length_at, *plan.answers_at]
        self._named = frozenset(pointer[0] for pointer in pointers if pointer)

    def check(self, document: Any, route: Route) -> Denial | None:
        if type(document) is not dict and type(document) is not list:
            return invalid("the body", "an object or a list")
        plan = self._plan
        for pointer in (plan.model_at, plan.length_at, *plan.answers_at):
            denial = _misspelt(document, pointer)
            if denial is not None:
                return denial
        if plan.model_at:
            found = places(document, plan.model_at)
            name = found[0][0][found[0][1]] if len(found) == 1 else None
            if type(name) is not str or not 0 < len(name) <= LONGEST_ID:
                return invalid(_shown(plan.model_at), f"there once, a string of 1 to {LONGEST_ID} characters")
        lengths = [holder[key] for holder, key in places(document, plan.length_at)] if plan.length_at else []
        if len(lengths) > 1 or any(type(length) is not int or length < 1 for length in lengths if length is not None):
            return invalid(_shown(plan.length_at), "an integer of at least 1")
        if plan.length_at and _holder(document, plan.length_at, make=False) is None:
            return invalid(_shown(plan.length_at[:-1]), "an object")
        for pointer in plan.answers_at:
            for holder, key in places(document, pointer):
                value = holder[key]
                if value is not None and type(value) is not list and (type(value) is not int or value < 1):
                    return invalid(_shown(pointer), "an integer of at least 1, or a list")
        return None

    def model(self, document: Any, route: Route) -> str:
        plan = self._plan
        if not plan.model_at:
            return plan.model
        ((holder, key),) = places(document, plan.model_at)
        name: str = holder[key]
        return name

    def is_streamed(self, document: Any, route: Route) -> bool:
        return False

    def uses_tools(self, document: Any) -> bool:
        """By the names that tools have in every API."""
        return any(
            names_servers(part) or any(part.get(name) for name in _TOOLS) or declared(part)
            for part in _requests(document)
        )

    def is_endless(self, document: Any) -> bool:
        return any(names_servers(part) for part in _requests(document))

    def texts(self, document: Any, route: Route) -> list[Text]:
        found = _texts(document, "other", self._plan.spoken, self._structural)
        return without_tokens(found, *_requests(document))

    def told_texts(self, document: Any) -> Collection[tuple[int, Any]] | None:
        """What pairs one thing with another is none, though it stands in one."""
        plan = self._plan
        paired = {(id(holder), key) for pointer in self._structural for holder, key in places(document, pointer)}
        return _speakers(document, plan.spoken).keys() - paired

    def unreadable(self, document: Any, route: Route) -> list[str]:
        return []

    def unknown_fields(self, document: Any, route: Route) -> list[str]:
        """What stands beside all that was declared."""
        if "*" in self._named:
            return []
        names = document.keys() if type(document) is dict else map(str, range(len(document)))
        return sorted(set(names) - self._named)

    def longest(self, document: Any, route: Route) -> int:
        found = places(document, self._plan.length_at) if self._plan.length_at else []
        length = found[0][0][found[0][1]] if found else None
        return length if type(length) is int else 0

    def is_length_named(self, document: Any, route: Route) -> bool:
        return self.longest(document, route) > 0

    def answers(self, document: Any, route: Route) -> int:
        number = entries = 1
        for pointer in self._plan.answers_at:
            for holder, key in places(document, pointer):
                value = holder[key]
                if type(value) is list:
                    entries *= max(1, len(value))
                elif type(value) is int:
                    number = max(number, value)
        return number * entries

    def shorten(self, document: Any, route: Route, most: int, unsaid: int) -> bool:
        pointer, asked = self._plan.length_at, self.longest(document, route)
        if not pointer or (asked and asked <= most):
            return False
        holder = _holder(document, pointer, make=True)
        assert holder is not None  # as `check` has seen to
        holder[pointer[-1]] = most if asked else min(most, unsaid)
        return True

    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        plan = self._plan
        if not plan.model_at or self.model(document, route) == upstream_name:
            return Prepared.AS_IT_WAS
        ((holder, key),) = places(document, plan.model_at)
        holder[key] = upstream_name
        return Prepared.CHANGED

    def usage(self, document: Any, route: Route) -> Usage | None:
        return None

    def finish_reason(self, document: Any, route: Route) -> str:
        return ""

    def unreadable_answer(self, document: Any, route: Route) -> list[str]:
        return []

    def answer_texts(self, document: Any, route: Route) -> list[Text]:
        return _texts(document, "assistant", (), self._plan.structural_in_answers)

    def drop_fragments(self, document: Any) -> None:
        """Nothing is known that spells a text out."""

    def stream(self, route: Route, masker: MaskerFactory | None, whole: Whole | None, hide_usage: bool) -> AnswerStream:
        raise AssertionError("nothing flows in this dialect")

    def error(self, denial: Denial) -> bytes:
        reason = denial.reason
        message = f"{reason.message} {denial.detail}" if denial.detail else reason.message
        return json.encode({"error": {"code": reason.code, "message": message, "param": denial.param}})

    def answer_locally(self, route: Route, visible: Sequence[str]) -> bytes | None:
        return None


def _requests(document: Any) -> list[dict[str, Any]]:
    """The document, or each entry of a list that a model server may take for a request."""
    return [part for part in (document if type(document) is list else [document]) if type(part) is dict]


def _texts(
    document: Any, role: str, spoken: Sequence[tuple[Pointer, str]], structural: Sequence[Pointer]
) -> list[Text]:
    root = [document]  # an answer may be a mere string
    found: list[Text] = []
    collect(root, role, found)
    if not spoken and not structural:
        return found
    speakers = _speakers(document, spoken)
    skipped = {(id(holder), key) for pointer in structural for holder, key in places(document, pointer)}
    texts = []
    for text in found:
        place = (id(text.holder), text.key)
        if place in skipped and len(text.value) <= LONGEST_ID:
            continue
        speaker = speakers.get(place)
        texts.append(text if speaker is None else Text(text.value, speaker, text.holder, text.key, text.escaped))
    return texts


def _speakers(document: Any, spoken: Sequence[tuple[Pointer, str]]) -> dict[tuple[int, Any], str]:
    """Who speaks at each declared place, and at every place below it; what is declared first counts."""
    speakers: dict[tuple[int, Any], str] = {}
    for pointer, role in spoken:
        for holder, key in places(document, pointer):
            value = holder[key]
            if type(value) is str:
                speakers.setdefault((id(holder), key), role)
            elif type(value) is dict or type(value) is list:
                below: list[Text] = []
                collect(value, role, below)
                for text in below:
                    speakers.setdefault((id(text.holder), text.key), role)
    return speakers


def _holder(document: Any, pointer: Pointer, *, make: bool) -> dict[str, Any] | None:
    """The object whose member the pointer names. An object on the way may be left out, and is put in if it is to be
    made; None where something else stands there."""
    node = document
    for segment in pointer[:-1]:
        found = places(node, (segment,))
        below = found[0][0][found[0][1]] if found else None
        if below is None:
            if type(node) is not dict:
                return None
            below = {}
            if make:
                node[segment] = below
        node = below
    return node if type(node) is dict else None


def _misspelt(document: Any, pointer: Pointer) -> Denial | None:
    """Whether a name on the way stands there in another spelling, too: a server that folds the case of names would
    read that one."""
    nodes = [document]
    for depth, segment in enumerate(pointer):
        folded = segment.casefold()
        for node in nodes:
            if type(node) is dict and any(name != segment and name.casefold() == folded for name in node):
                return invalid(_shown(pointer[: depth + 1]), "spelt as it is declared")
        nodes = [holder[key] for node in nodes for holder, key in places(node, (segment,))]
    return None


def _shown(pointer: Pointer) -> str:
    return "/" + "/".join(pointer)


def recognise(routes: dict[bytes, Route], method: str, path: bytes) -> Route | Reason:
    """The declared route, or why there is none."""
    route = routes.get(path)
    if route is None:
        return Reason.ROUTE_UNKNOWN
    return route if method == "POST" else Reason.METHOD_NOT_ALLOWED
