"""The life of a request, as a list.

HEAD_STAGES run when the head is complete, BODY_STAGES when the body is. A stage is a function of the exchange and the
plane that returns None to go on or a Denial to stop; the first Denial ends the exchange, and so does an exception, as
Reason.INTERNAL: a control that could not be evaluated has not passed. What breaks between the stages, when an
exchange that was held goes on or one sets out, ends it the same way. Whatever happens, `record.close` is called once.

The names are those of the files in this folder, of docs/life-of-a-request.md and of `controls` in the journal.
"""

import logging
from collections.abc import Callable

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path import (
    admission,
    authorization,
    contracts,
    identity,
    inspection,
    masking,
    probes,
    record,
    routing,
    validation,
)
from guardhouse.path.carriage import Carriage
from guardhouse.path.exchange import HELD, Exchange
from guardhouse.path.fault import describe
from guardhouse.path.holding import SMALL, keep, room_for
from guardhouse.path.judging import Judging
from guardhouse.path.plane import DataPlane
from guardhouse.path.waiting import Waiting

Stage = Callable[[Exchange, DataPlane], Verdict]
Stages = tuple[tuple[str, Stage], ...]

AGAIN: Stages = (  # after every wait: a key may be revoked meanwhile, a principal suspended
    ("identity", identity.identify),
    ("authorization", authorization.may_operate),
)
RESUMED: Stages = (*AGAIN, ("authorization", authorization.still_open))
HEAD_STAGES: Stages = (("routing", routing.recognise), *AGAIN)
BODY_STAGES: Stages = (
    ("validation", validation.validate),
    ("inspection", inspection.inspect),
    ("authorization", authorization.authorize),
    ("contracts", contracts.hold),
    ("admission", admission.admit),
    ("masking", masking.mask),
    ("routing", routing.choose),
)

log = logging.getLogger("guardhouse.path")


def judge(stages: Stages, exchange: Exchange, plane: DataPlane) -> Verdict:
    """Run the stages in order, counting those that were passed; `controls` notes those that did something else."""
    name = ""
    try:
        for name, stage in stages:
            denial = stage(exchange, plane)
            if denial is not None:
                if denial is not HELD:
                    exchange.controls[name] = "blocked"
                return denial
            exchange.passed += 1
    except Exception as error:  # noqa: BLE001 - the one place where a stage's failure becomes a denial
        exchange.controls[name] = "blocked"
        log.error("stage %s failed: %s", name, describe(error))
        return Denial(Reason.INTERNAL)
    return None


def identify_again(exchange: Exchange, plane: DataPlane) -> Verdict:
    """For an exchange that has waited behind others since its head was judged, for as long as they took. Nothing that
    counts has been decided of it, so that it is decided now: at this time, and under the policy of this time."""
    exchange.snapshot = plane.snapshot
    return identify_at_last(exchange, plane)


def identify_at_last(exchange: Exchange, plane: DataPlane) -> Verdict:
    """For an exchange whose body came later than its head: it has begun under its policy, but who it is from may have
    lost the right to it since."""
    exchange.at = plane.now()
    exchange.passed -= len(AGAIN)
    return judge(AGAIN, exchange, plane)


def serve(exchange: Exchange, plane: DataPlane) -> None:
    """Take over an exchange whose message is complete, or that was refused before it was."""
    if exchange.denial is None and exchange.operation is None:
        probes.answer(exchange, plane)  # the only exchanges without a record: they carry nothing and reach nobody
        return
    if exchange.denial is None:
        exchange.denial = judge(BODY_STAGES, exchange, plane)
    _go_on(exchange, plane)


def _go_on(exchange: Exchange, plane: DataPlane) -> None:
    try:
        _take_way(exchange, plane)
    except Exception as error:  # noqa: BLE001 - what breaks between the stages leaves no exchange open either
        _end(exchange, plane, error)


def _end(exchange: Exchange, plane: DataPlane, error: Exception) -> None:
    """It may be held already, or be on its way; whoever has it knows how to end it."""
    log.error("exchange %s failed: %s", exchange.id, describe(error))
    denial = Denial(Reason.INTERNAL)
    try:
        if exchange.carriage is not None:
            exchange.carriage.cancel(denial)
        else:
            record.close(exchange, plane, denial)
    except Exception as further:  # noqa: BLE001 - an exchange that cannot be closed must not look served
        log.error("exchange %s could not be closed: %s", exchange.id, describe(further))
        record.abandon(exchange)


def _take_way(exchange: Exchange, plane: DataPlane) -> None:
    denial = exchange.denial
    if denial is HELD:
        exchange.denial = None
        if exchange.waiting is None:
            Judging(exchange, plane, _resume).begin()
        else:
            Waiting(exchange, plane, _resume).begin()
    elif denial is not None or exchange.target is None:
        record.close(exchange, plane, denial)
    else:
        size = len(exchange.encoded)
        if exchange.charge is not None or size > SMALL:
            exchange.document = None  # it may be many times as large, and can be read again if need be
            denial = keep(exchange, plane, room_for(size))
            if denial is not None:
                record.close(exchange, plane, denial)
                return
        record.open_(exchange, plane, lambda error: _start(exchange, plane, error))


def _resume(exchange: Exchange, plane: DataPlane) -> None:
    """An exchange that was held goes on where it stood. Who it is from and whether it may still be is asked again."""
    reached = exchange.passed
    exchange.at = plane.now()
    exchange.passed = len(HEAD_STAGES) - len(AGAIN)
    exchange.denial = judge(RESUMED, exchange, plane)
    exchange.passed = reached
    if exchange.denial is None:
        exchange.denial = judge(BODY_STAGES[reached - len(HEAD_STAGES) :], exchange, plane)
    _go_on(exchange, plane)


def _start(exchange: Exchange, plane: DataPlane, error: OSError | None) -> None:
    try:
        _set_out(exchange, plane, error)
    except Exception as broken:  # noqa: BLE001 - as in _go_on
        _end(exchange, plane, broken)


def _set_out(exchange: Exchange, plane: DataPlane, error: OSError | None) -> None:
    """The opened record is written, or cannot be."""
    if error is not None:
        record.close(exchange, plane, Denial(Reason.AUDIT_UNAVAILABLE, retry_after=1.0))
        return
    exchange.opened = True
    if exchange.caller.gone:
        record.close(exchange, plane, Denial(Reason.CLIENT_LEFT))
    else:
        exchange.carriage = Carriage(exchange, plane)
        exchange.carriage.start()
