"""The two records of an exchange, and the moment at which its last bytes may leave.

`open_` calls back when the opened record is written; only then may anything go upstream. `close` is called exactly
once for every exchange, from the pipeline's `finally`: it settles the reservation, writes the closed record and
releases the answer when that record is written. If it cannot be written, an answer that has not begun becomes a 503
and one that has is cut off without a clean end."""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from guardhouse.audit.making import closed, opened
from guardhouse.audit.record import FEW, Closed, Control, Event, Kept, Outcome
from guardhouse.limits.book import Admitted
from guardhouse.limits.load import NOTHING, Load
from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Usage
from guardhouse.path import overload, sizing
from guardhouse.path.exchange import Exchange
from guardhouse.path.holding import let_go, let_go_of_answer
from guardhouse.path.plane import DataPlane
from guardhouse.path.shadow import told
from guardhouse.path.size import Size
from guardhouse.path.targets import bounds_for

_GONE: Final = (Reason.CLIENT_LEFT, Reason.CLIENT_TOO_SLOW)  # nobody is there to be answered

# the stages in the order of pipeline.py, and what is to be said when the first n of them were passed
STAGE_ORDER: Final = (
    *("routing", "identity", "authorization"),
    *("validation", "inspection", "authorization", "contracts", "admission", "masking", "routing"),
)
_PASSED: Final[list[dict[str, Control]]] = [
    dict.fromkeys(STAGE_ORDER[:n], "passed") for n in range(len(STAGE_ORDER) + 1)
]


def open_(exchange: Exchange, plane: DataPlane, then: Callable[[OSError | None], None]) -> None:
    """Write the opened record, then call `then`: with None, or with why it could not be written."""
    principal, grant, signals = exchange.principal, exchange.grant, exchange.signals
    admission = exchange.admission
    reserved = admission.load if grant is not None and grant.bounded and isinstance(admission, Admitted) else NOTHING
    operation, model, target = exchange.operation, exchange.model, exchange.target
    assert principal is not None
    assert grant is not None
    assert operation is not None
    assert model is not None
    assert target is not None
    assert signals is not None
    plane.journal.append(
        opened(
            at=exchange.at,
            id=exchange.id,
            principal=principal.id,
            credential=principal.credential_id,
            client=exchange.client,
            operation=operation.word,
            model=model.name,
            target=target.name,
            policies=grant.policies,
            flags=grant.flags,
            region=target.region,
            kept=None if exchange.snapshot.residency is None else _kept(exchange),
            revision=exchange.snapshot.revision,
            stream=exchange.stream,
            bytes_in=len(exchange.encoded),
            prompt_hash=signals.prompt_hash,
            message_hashes=signals.message_hashes,
            further_texts=signals.further_texts,
            further_hash=signals.further_hash,
            hash_key=plane.hash_key.id,
            char_count=signals.char_count,
            token_estimate=signals.token_estimate,
            keyword_hits=signals.keyword_hits,
            delimiter_hits=signals.delimiter_hits,
            encoded_blobs=signals.encoded_blobs,
            risk=signals.risk,
            masked=exchange.masked,
            reserved=reserved.most_tokens,
            reserved_cost=reserved.most_money,
            media=exchange.media,
            servers=exchange.servers,
            stored=exchange.stored,
            unevaluated=exchange.unevaluated,
        ),
        then,
    )
    if len(signals.message_hashes) > FEW:
        exchange.signals = replace(signals, message_hashes=[])


def close(exchange: Exchange, plane: DataPlane, denial: Denial | None, broken: bytes = b"") -> None:
    """Record the end and let the caller have it. `broken` is what ends a stream that had to be cut."""
    if exchange.closed:
        return
    exchange.closed = True
    usage = sizing.used(exchange, denial)
    price = None if exchange.model is None else exchange.model.price
    cost = 0 if price is None else price.of(usage.input_tokens, usage.output_tokens)
    charge = sizing.charge(exchange, usage, cost)
    try:
        if isinstance(exchange.admission, Admitted):
            plane.limits.settle(exchange.admission, charge, plane.loop_time())
            if usage.source == "reported" and exchange.size is not None:
                _tell_overrun(exchange, plane, usage, exchange.size)
    finally:
        if exchange.slot is not None:
            overload.leave(exchange, plane, denial)
    caller = exchange.caller
    last = caller.render(exchange) if denial is None and not exchange.begun else _last_bytes(exchange, denial, broken)
    plane.journal.append(
        _closed(exchange, plane, denial, usage, charge), lambda error: _release(exchange, last, denial, error)
    )


def abandon(exchange: Exchange) -> None:
    """`close` has failed, after it had settled what it could: nobody is answered, and nothing is kept."""
    let_go(exchange)
    let_go_of_answer(exchange)
    exchange.caller.abort()


def _tell_overrun(exchange: Exchange, plane: DataPlane, usage: Usage, size: Size) -> None:
    """A model server that used more than can be: it does not keep to the length it is told, or its template says more
    than `preamble`. What it reports is charged, and may be more than the budget had."""
    if exchange.grant is None or not exchange.grant.bounded:
        return
    if usage.input_tokens <= size.most_given and usage.output_tokens <= size.most_made:
        return
    assert exchange.principal is not None
    facts: dict[str, str | int | float | bool] = {
        "exchange": exchange.id,
        "target": "" if exchange.target is None else exchange.target.name,
        "input": usage.input_tokens,
        "most_input": size.most_given,
        "output": usage.output_tokens,
        "most_output": size.most_made,
    }
    model = "" if exchange.model is None else exchange.model.name
    plane.journal.append(
        Event(
            at=plane.now(),
            name="budget.overrun",
            severity="warning",
            principal=exchange.principal.id,
            model=model,
            facts=facts,
        )
    )


def _last_bytes(exchange: Exchange, denial: Denial | None, broken: bytes) -> bytes:
    if denial is None:
        return exchange.answer
    return broken if exchange.begun else exchange.caller.refuse(exchange, denial)


def _release(exchange: Exchange, last: bytes, denial: Denial | None, error: OSError | None) -> None:
    if exchange.charge is not None or exchange.answer_charge is not None:
        let_go(exchange)
        let_go_of_answer(exchange)  # what of it the caller does not read, its connection answers for
    if denial is None and error is None:
        exchange.caller.finish(exchange, last, keep_alive=exchange.keep_alive)
    elif denial is not None and denial.reason in _GONE:
        if exchange.opened:  # else it only waited behind one that ended the connection
            exchange.caller.abort()
    elif error is None:
        # a stream that was cut ends the connection as well: nobody must take the end for the whole
        keep_alive = exchange.keep_alive and not exchange.begun
        exchange.caller.finish(exchange, last, keep_alive=keep_alive)
    elif exchange.begun:
        exchange.caller.abort()
    else:
        exchange.keep_alive = False
        refusal = Denial(Reason.AUDIT_UNAVAILABLE, retry_after=1.0)
        exchange.caller.finish(exchange, exchange.caller.refuse(exchange, refusal), keep_alive=False)


def _closed(exchange: Exchange, plane: DataPlane, denial: Denial | None, usage: Usage, charge: Load) -> Closed:
    principal, operation, model, grant = exchange.principal, exchange.operation, exchange.model, exchange.grant
    signals, target, detour = exchange.signals, exchange.target, exchange.detour
    return closed(
        at=plane.now(),
        id=exchange.id,
        decision="denied" if denial is not None and not exchange.opened else "allowed",
        outcome="completed" if denial is None else _outcome(exchange, denial),
        reason="" if denial is None else denial.reason.code,
        detail="" if denial is None else denial.detail,
        status=exchange.status if denial is None or exchange.begun else denial.reason.status,
        principal="" if principal is None else principal.id,
        credential="" if principal is None else principal.credential_id,
        client=exchange.client,
        operation="" if operation is None else operation.word,
        model="" if model is None else model.name,
        injections=exchange.injections,
        signed_by=exchange.signed_by,
        asked="" if model is None or exchange.asked not in exchange.snapshot.aliases else exchange.asked,
        sent="" if model is None or model.upstream_name == model.name else model.upstream_name,
        answered="" if model is None or exchange.answered == model.upstream_name else exchange.answered,
        instead_of="" if detour is None else detour.instead_of,
        target="" if target is None else target.name,
        attempts=[] if detour is None or len(detour.attempts) < 2 else detour.attempts,
        policies=exchange.refused_by if grant is None else grant.policies,
        flags=() if grant is None else grant.flags,
        region="" if target is None else target.region,
        kept=None if exchange.snapshot.residency is None else _kept(exchange),
        revision=exchange.snapshot.revision,
        shadow=None if exchange.foreseen is None else told(exchange, exchange.foreseen, denial),
        stream=exchange.stream,
        finish_reason=exchange.finish_reason,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        usage_source=usage.source,
        timing=usage.timing,
        cost=charge.money,
        charged=charge.most_tokens if charge.most_tokens != charge.tokens else 0,
        charged_cost=charge.most_money if charge.most_money != charge.money else 0,
        currency="" if model is None or model.price is None else model.price.currency,
        bytes_out=exchange.bytes_out + len(exchange.answer),
        duration=_to_microseconds(plane.loop_time() - exchange.started),
        first_byte=_to_microseconds(exchange.first_byte),
        waited=None if detour is None or not detour.waited else _to_microseconds(detour.waited),
        risk=0 if signals is None else signals.risk,
        media=exchange.media_kinds,
        masked_request=exchange.masked,
        masked=exchange.masked_response,
        unseen=exchange.unseen,
        controls={**_PASSED[exchange.passed], **exchange.controls} if exchange.controls else _PASSED[exchange.passed],
    )


def _kept(exchange: Exchange) -> Kept | None:
    bounds = None if exchange.model is None else bounds_for(exchange, exchange.model)
    return None if bounds is None else Kept(by=bounds.by, within=bounds.within, withheld=exchange.withheld)


def _to_microseconds(seconds: float) -> float:
    return int(seconds * 1e6) / 1e6  # `round` costs five times as much


def _outcome(exchange: Exchange, denial: Denial) -> Outcome:
    if denial.reason in _GONE:
        return "cancelled"
    return "failed" if exchange.opened else "denied"
