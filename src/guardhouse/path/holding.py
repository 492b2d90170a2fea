"""What an exchange counts for in the worker's memory, from its first byte that has to be kept to its last.

| while | it counts |
|---|---|
| its body arrives, or waits behind another message | the body as announced, or as far as it has come |
| it is a file that is judged in turns | the file, and the ids of its lines |
| it waits: for a turn, a place, a store | an estimate of its document in memory, maybe many times its body |
| it is on its way to a model server | its encoding, until the model server has taken it, once and for all |
| its answer is collected | what has come of the answer |
| its answer has been written and is not read | what the system has not taken of it |

The first four are the worker's memory for requests, the others that for answers: what requests hold must not keep an
answer from being finished. A request that is not larger than SMALL and waits for nothing counts nothing, nor does an
answer that comes in one read; so the usual exchange passes all of this by, at the price of a few comparisons.

A Charge is made where something begins to be kept. It is given back by `record` when the exchange is closed, or before
that by who sees that nothing is kept any more.
"""

from collections.abc import Callable
from typing import Final, Protocol

from guardhouse.audit.record import Event
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.memory import Claim, Memory
from guardhouse.path.plane import DataPlane

SMALL: Final = 6 * 1024
PATIENCE: Final = 10.0  # seconds that a caller may be kept waiting for room for its body
_ALLOWANCE: Final = 1024  # for what else there is of an exchange
_RETRY_AFTER: Final = 1.0
_STEP: Final = 64 * 1024  # bytes by which the charge of an answer grows


class Uptake(Protocol):
    """The message that is arriving on a connection."""

    @property
    def buffered(self) -> int:
        """Bytes of its body that have come."""

    @property
    def is_chunked(self) -> bool: ...


def reserve(exchange: Exchange, plane: DataPlane, uptake: Uptake, called: Callable[[], None] | None) -> Verdict:
    """Make room for a body of which more is to come: for all of it, or of one in chunks for what has come. With
    `called` it may have to wait until it is called, and nothing more may be read meanwhile: see `is_waiting`."""
    memory, owner, head = plane.memory, owner_of(exchange), exchange.head
    assert head is not None
    wanted = room_for(uptake.buffered if uptake.is_chunked else head.content_length)
    exchange.charge = memory.charge(owner, wanted)
    if exchange.charge is None and called is not None and not uptake.is_chunked:
        exchange.charge = memory.wait(owner, room_for(uptake.buffered), wanted, called)
    return None if exchange.charge is not None else exhausted(exchange, plane, memory)


def is_waiting(exchange: Exchange) -> bool:
    return isinstance(exchange.charge, Claim) and exchange.charge.waits


def grow(exchange: Exchange, plane: DataPlane, uptake: Uptake) -> Verdict:
    """Nobody knows how long a body in chunks will be. One that finds no room is not waited for: it holds some."""
    wanted, charge = room_for(uptake.buffered), exchange.charge
    if charge is None or wanted <= charge.size or charge.resize(wanted):
        return None
    return exhausted(exchange, plane, plane.memory)


def keep_behind(exchange: Exchange, plane: DataPlane) -> None:
    """For a message that is complete and waits behind another of its connection."""
    if exchange.denial is None and exchange.charge is None and exchange.body:
        exchange.denial = keep(exchange, plane, room_for(len(exchange.body)))
        if exchange.denial is not None:
            exchange.body = b""


def keep(exchange: Exchange, plane: DataPlane, size: int) -> Verdict:
    """Let the exchange's request count `size` from now on."""
    charge = exchange.charge
    if charge is not None:
        return None if charge.resize(size) else exhausted(exchange, plane, plane.memory)
    if size == 0:
        return None
    exchange.charge = plane.memory.charge(owner_of(exchange), size)
    return None if exchange.charge is not None else exhausted(exchange, plane, plane.memory)


def keep_answer(exchange: Exchange, plane: DataPlane, size: int) -> Verdict:
    """`size` bytes of its answer are collected, and more are to come."""
    charge = exchange.answer_charge
    if charge is None:
        charge = exchange.answer_charge = plane.answers.charge(owner_of(exchange), size + _STEP)
        return None if charge is not None else exhausted(exchange, plane, plane.answers)
    if size <= charge.size or charge.resize(size + _STEP):
        return None
    return exhausted(exchange, plane, plane.answers)


def let_go(exchange: Exchange) -> None:
    """Its request is kept no more."""
    charge = exchange.charge
    if charge is not None:
        exchange.charge = None
        charge.give_back()


def let_go_of_answer(exchange: Exchange) -> None:
    charge = exchange.answer_charge
    if charge is not None:
        exchange.answer_charge = None
        charge.give_back()


def owner_of(exchange: Exchange) -> str:
    """Nothing is kept for anybody who is not identified but what an address may have on its connections."""
    return exchange.client if exchange.principal is None else exchange.principal.id


def room_for(body: int) -> int:
    """What a body of that length takes while it grows."""
    return body + body // 8 + _ALLOWANCE


def exhausted(exchange: Exchange, plane: DataPlane, memory: Memory) -> Denial:
    """The first of a while is an event; each is in its own record anyway."""
    if memory.is_news(plane.loop_time()):
        principal = "" if exchange.principal is None else exchange.principal.id
        facts: dict[str, str | int | float | bool] = {"of": memory.name, "held": memory.held, "limit": memory.limit}
        plane.journal.append(
            Event(at=plane.now(), name="memory.exhausted", severity="warning", principal=principal, facts=facts)
        )
    return Denial(Reason.MEMORY_EXHAUSTED, f"Of the memory for {memory.name}.", retry_after=_RETRY_AFTER)
