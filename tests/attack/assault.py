"""Sends vectors at a gateway, several connections at a time, and judges what came back.

Each vector is sent under a pacing: whole, one byte per segment, everything but the last byte and then the rest, or
whole with the client's side ended behind it. The pieces are what finds a parser whose reading depends on where a
segment ends. After every vector a canary goes through the gateway and has to come back with its own text.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from attack.invariants import closed_after_error, no_server_error, nothing_forwarded, own_answer
from attack.tape import Tape
from attack.vectors import Vector, plain_request
from integration.raw_http import Address, AnswerMalformedError, Conversation, Talk, converse

PARALLEL = 16
MOST_SEGMENTS = 1500
WITHIN = 6.0
PAUSE = 0.03


def one_by_one(raw: bytes) -> list[bytes]:
    step = max(1, len(raw) // MOST_SEGMENTS)
    return [raw[start : start + step] for start in range(0, len(raw), step)]


def last_byte_later(raw: bytes) -> list[bytes]:
    return [raw[:-1], raw[-1:]] if len(raw) > 1 else [raw]


@dataclass(frozen=True, slots=True)
class Pacing:
    name: str
    cut: Callable[[bytes], list[bytes]]
    gap: float = 0.0
    half_close: bool = False


def in_one(raw: bytes) -> list[bytes]:
    return [raw]


PACINGS = (
    Pacing("whole", in_one),
    Pacing("bytes", one_by_one),
    Pacing("pause", last_byte_later, gap=PAUSE),
    Pacing("half-close", in_one, half_close=True),
)


@dataclass(slots=True)
class Assault:
    """One gateway under attack: where it is, what its model server sees, and what has been found so far."""

    address: Address
    key: str
    tape: Tape
    broken: list[str] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)  # request ids of the answers
    accepted: int = 0
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def run(self, vectors: Sequence[Vector], pacing: Pacing) -> list[str]:
        """What this run broke."""
        before = len(self.broken)
        asyncio.run(self._all(vectors, pacing))
        return self.broken[before:]

    async def _all(self, vectors: Sequence[Vector], pacing: Pacing) -> None:
        turn = asyncio.Semaphore(PARALLEL)

        async def one(vector: Vector) -> None:
            async with turn:
                found = await self._attack(vector, pacing)
            self.broken += [f"{vector.name} [{pacing.name}]: {what}" for what in found]

        wanted = [vector for vector in vectors if not vector.pacings or pacing.name in vector.pacings]
        await asyncio.gather(*(one(vector) for vector in wanted))

    async def _attack(self, vector: Vector, pacing: Pacing) -> list[str]:
        marker = f"vector-{next(self.numbers):06d}"
        half_close = pacing.half_close or vector.expect == "incomplete"
        talk = Talk(
            pacing.cut(vector.raw(self.key, marker)),
            gap=pacing.gap,
            half_close=half_close,
            until=None if vector.closes or half_close else vector.answers,
            within=WITHIN,
        )
        try:
            held = await converse(self.address, talk)
        except AnswerMalformedError as error:
            return [f"the answer is not HTTP: {error}"]
        self._note(held, unanswered=max(0, vector.answers - len(held.answers)) if half_close else 0)
        found = no_server_error(held) + closed_after_error(vector, held)
        found += nothing_forwarded(self.tape, vector, marker, held)
        if not met(vector, held, half_close=half_close, arrived=arrivals(self.tape, marker)):
            told = [(answer.status, answer.code) for answer in held.answers]
            found.append(f"expected {vector.expect}, got {told}, {held.ended}, {arrivals(self.tape, marker)} upstream")
        return found + await self.canary()

    async def canary(self) -> list[str]:
        """I5, right behind an attack."""
        marker = f"canary-{next(self.numbers):06d}"
        held = await converse(self.address, Talk([plain_request(self.key, marker).encode()], within=WITHIN))
        self._note(held)
        return own_answer(marker, held)

    def _note(self, held: Conversation, *, unanswered: int = 0) -> None:
        """`unanswered` requests of a client that has left may have been accepted."""
        self.accepted += sum(answer.status == 200 for answer in held.answers) + unanswered
        self.identifiers += [answer.header("x-request-id") or "none" for answer in held.answers]


def arrivals(tape: Tape, marker: str) -> int:
    return sum(seen.text == marker for seen in tape.seen)


def met(vector: Vector, held: Conversation, *, half_close: bool, arrived: int) -> bool:
    """Whether one of the alternatives of the vector's expectation happened."""
    statuses = [answer.status for answer in held.answers]
    silent = not statuses and held.ended != "open"
    cut_short = len(statuses) < vector.answers and set(statuses) <= {200}
    if half_close and held.ended != "open" and cut_short:
        return True  # a client that ends its side may be taken at its word
    return any(_met(part, vector, held, statuses, silent=silent, arrived=arrived) for part in vector.alternatives)


def _met(part: str, vector: Vector, held: Conversation, statuses: list[int], *, silent: bool, arrived: int) -> bool:
    refused = bool(statuses) and 400 <= statuses[-1] < 500
    match part:
        case "pass":
            return statuses == [200] * vector.answers and arrived >= 1
        case "served":
            return statuses == [200]
        case "refuse":
            return refused or silent
        case "either":
            return refused or silent or bool(statuses and statuses[-1] == 200)
        case "incomplete":
            return silent or refused
        case _:
            status, _, code = part.partition(" ")
            return bool(statuses) and statuses[-1] == int(status) and code in ("", held.final.code)
