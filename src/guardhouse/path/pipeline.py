"""The life of a request, as a list.

HEAD_STAGES run when the head is complete, BODY_STAGES when the body is. A stage is a function of the exchange and the
plane that returns None to go on or a Denial to stop; the first Denial ends the exchange, and so does an exception, as
Reason.INTERNAL: a control that could not be evaluated has not passed. Whatever happens, `record.close` is called once.

The names are those of the files in this folder, of docs/life-of-a-request.md and of `controls` in the journal.
"""

import asyncio
import logging
from collections.abc import Callable

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path import admission, authorization, identity, inspection, probes, record, routing, validation
from guardhouse.path.exchange import Exchange
from guardhouse.path.fault import describe
from guardhouse.path.plane import DataPlane
from guardhouse.path.response import Response

Stage = Callable[[Exchange, DataPlane], Verdict]
Stages = tuple[tuple[str, Stage], ...]

HEAD_STAGES: Stages = (
    ("routing", routing.recognise),
    ("identity", identity.identify),
    ("authorization", authorization.may_operate),
)
BODY_STAGES: Stages = (
    ("validation", validation.validate),
    ("authorization", authorization.authorize),
    ("admission", admission.admit),
    ("inspection", inspection.inspect),
    ("routing", routing.choose),
)

log = logging.getLogger("guardhouse.path")


def judge(stages: Stages, exchange: Exchange, plane: DataPlane) -> Verdict:
    """Run the stages in order. `controls` says of each what it did, unless the stage said so itself."""
    controls = exchange.controls
    name = ""
    try:
        for name, stage in stages:
            denial = stage(exchange, plane)
            if denial is not None:
                controls[name] = "blocked"
                return denial
            controls.setdefault(name, "passed")
    except Exception as error:  # noqa: BLE001 - the one place where a stage's failure becomes a denial
        controls[name] = "blocked"
        log.error("stage %s failed: %s", name, describe(error))
        return Denial(Reason.INTERNAL)
    return None


def serve(exchange: Exchange, plane: DataPlane) -> None:
    """Take over an exchange whose message is complete, or that was refused before it was."""
    if exchange.denial is None and exchange.operation is None:
        probes.answer(exchange, plane)  # the only exchanges without a record: they carry nothing and reach nobody
        return
    if exchange.denial is None:
        exchange.denial = judge(BODY_STAGES, exchange, plane)
    if exchange.denial is not None or exchange.target is None:
        record.close(exchange, plane, exchange.denial)
    else:
        record.open_(exchange, plane, lambda error: _start(exchange, plane, error))


def _start(exchange: Exchange, plane: DataPlane, error: OSError | None) -> None:
    """The opened record is written, or cannot be."""
    if error is not None:
        record.close(exchange, plane, Denial(Reason.AUDIT_UNAVAILABLE, retry_after=1.0))
    elif exchange.caller.gone:
        record.close(exchange, plane, Denial(Reason.CLIENT_LEFT))
    else:
        exchange.task = plane.loop.create_task(_carry(exchange, plane))


async def _carry(exchange: Exchange, plane: DataPlane) -> None:
    """To the model server and back. Cancelled by the listener when the caller leaves."""
    response = Response(exchange, plane.settings.upstream.response_body, plane.loop_time)
    denial: Denial | None = Denial(Reason.INTERNAL)
    try:
        denial = await _exchange(exchange, plane, response)
    except asyncio.CancelledError:
        denial = Denial(Reason.CLIENT_LEFT)
    except Exception as error:  # noqa: BLE001 - fails closed, like a stage
        log.error("exchange %s failed: %s", exchange.id, describe(error))
    finally:
        response.note_usage()
        record.close(exchange, plane, denial, b"" if denial is None else response.broken(denial))


async def _exchange(exchange: Exchange, plane: DataPlane, response: Response) -> Denial | None:
    model, head = exchange.model, exchange.head
    assert model is not None
    assert head is not None
    denial: Denial | None = None
    for target in model.targets:
        pool = plane.upstreams.pool(target)
        connection = pool.idle_connection() or await pool.connect()
        if isinstance(connection, Denial):
            denial = connection  # nothing was sent: the next target may have it
            continue
        exchange.target = target
        request = pool.render(head.path, exchange.id, head.headers, exchange.encoded)
        return await connection.carry(request, response, exchange.caller)
    return denial
