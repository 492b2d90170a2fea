"""What arrived at a model server: the requests it made out, the bytes as they came, and what was wrong with them."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    connection: int
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The last text of the request, whichever operation it is for."""
        if not self.body:
            return ""
        document = self.document
        told = document.get("messages") or document.get("prompt") or document.get("input") or ""
        if isinstance(told, list):
            told = told[-1] if told else ""
        if isinstance(told, dict):
            told = told.get("content") or ""
        return told if isinstance(told, str) else json.dumps(told)


@dataclass(slots=True)
class Tape:
    """Everything that arrived, on every connection."""

    raw: list[bytearray] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    answered: int = 0  # requests whose answer was written to its end
    paused: set[int] = field(default_factory=set)  # connections whose reader does not keep up
    closed: dict[int, float] = field(default_factory=dict)  # connection -> loop time of its end

    def holds(self, marker: str) -> bool:
        return any(marker.encode() in raw for raw in self.raw)
