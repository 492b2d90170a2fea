"""By which name a model server has answered, and whether that is the name it was pinned to.

A model server that was changed behind the gateway's back answers all the same. What it calls itself goes on the record
beside what was asked for and what was sent, and where the model is pinned, a name that does not fit is an event, told
once per name and worker, and a refusal if the pin says so. Of an answer that flows, the name is looked for only where
the model is pinned: in its first events, which are held back until it is known if another name would be refused.

The name is the model server's word: what does not look like one is not repeated.
"""

import re
from typing import Any, Final

from guardhouse.audit.record import Event
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane

MOST_HELD: Final = 16 * 1024  # bytes in which a stream has to say its name
UNSAID: Final = ""
ODD: Final = "(odd)"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_STREAMED: Final = re.compile(rb'"model(?:_name)?"\s*:\s*"([^"\\]{1,256})"')
_MOST_TOLD: Final = 1024


def name_in(document: Any) -> str:
    """The name in an answer, in whichever dialect."""
    if type(document) is not dict:
        return UNSAID
    name = document.get("model")
    if type(name) is not str:
        name = document.get("model_name")
    return _plain(name) if type(name) is str and name else UNSAID


def name_in_stream(part: bytes) -> str:
    """The name in the first bytes of an answer that flows. Inside of a text, its quotation marks would be escaped."""
    match = _STREAMED.search(part)
    return UNSAID if match is None else _plain(match[1].decode("utf-8", "replace"))


def note(exchange: Exchange, plane: DataPlane, document: Any) -> Verdict:
    """Of a whole answer."""
    model = exchange.model
    if model is None:
        return None
    if model.pinned is None and type(document) is dict and document.get("model") == model.upstream_name:
        exchange.answered = model.upstream_name
        return None
    return judge(exchange, plane, name_in(document))


def fault_of(exchange: Exchange, document: Any) -> Verdict:
    """Of a whole answer: where it breaks the contract of its model."""
    contract = None if exchange.model is None else exchange.model.rules.contract
    fault = None if contract is None or contract.response is None else contract.response.fault(document)
    if contract is not None and fault is None and contract.outputs is not None:
        assert exchange.route is not None
        fault = exchange.route.dialect.misfit(document, "outputs", contract.outputs)
    if contract is None or fault is None:
        return None
    return Denial(Reason.ANSWER_OFF_CONTRACT, f"By the contract {contract.name} {contract.version}, {fault}.")


def must_be_read(exchange: Exchange) -> bool:
    """Whether an answer that cannot be read as a document is none."""
    model = exchange.model
    if model is None:
        return False
    return model.rules.reads_answers or (model.pinned is not None and model.pinned.refuse)


class Naming:
    """Looks for the name in the first bytes of an answer that flows."""

    __slots__ = ("_early", "_exchange", "_holds", "_plane", "is_over")

    def __init__(self, exchange: Exchange, plane: DataPlane, *, holds: bool) -> None:
        self._exchange = exchange
        self._plane = plane
        self._early = b""
        self._holds = holds
        self.is_over = False

    def look(self, part: bytes, complete: bool) -> bytes | Denial:
        """What may flow by now of the answer, or why it ends."""
        self._early += part
        answered = name_in_stream(self._early)
        if not answered and not complete and len(self._early) < MOST_HELD:
            return b"" if self._holds else part
        self.is_over = True
        denial = judge(self._exchange, self._plane, answered)
        return denial or (self._early if self._holds else part)


def judge(exchange: Exchange, plane: DataPlane, answered: str) -> Verdict:
    """Note the name, and compare it with the pin."""
    exchange.answered = answered
    model = exchange.model
    pinned = None if model is None else model.pinned
    if model is None or pinned is None or (answered != UNSAID and pinned.admits(answered)):
        return None
    if answered != UNSAID or pinned.refuse:
        _tell(exchange, plane, model.name, model.upstream_name, answered)
    if not pinned.refuse:
        return None
    said = "calls itself something else" if answered else "does not say what it is"
    return Denial(Reason.MODEL_DRIFTED, f"The model server {said}.")


def _tell(exchange: Exchange, plane: DataPlane, model: str, sent: str, answered: str) -> None:
    target = "" if exchange.target is None else exchange.target.name
    known = (model, target, answered)
    if known in plane.drifts or len(plane.drifts) >= _MOST_TOLD:
        return
    plane.drifts.add(known)
    plane.journal.append(
        Event(
            at=plane.now(),
            name="model.drifted",
            severity="alert",
            model=model,
            facts={"target": target, "sent": sent, "answered": answered, "exchange": exchange.id},
        )
    )


def _plain(name: str) -> str:
    return name if _NAME.fullmatch(name) else ODD
