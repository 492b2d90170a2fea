"""Is the request one that this model is to be given?

Whether the caller may use the model has been decided; here the request itself is held to what the configuration says of
the model's requests: its contract, its parameters, how much it may hold, which of the model's features it may use, and
what the model server may be made to fetch or to look up. Only the last is asked of every request, because a URL that a
model server follows leads into its network, and a thing that it has stored may be another caller's.

`hold` may change the document, where a parameter is set, clamped or left to a default. What is changed is judged again:
the contract speaks of what the model server gets. `would_hold` changes nothing: for a model that may take over.
`would_refuse` is for a policy on trial (shadow.py).
"""

from collections.abc import Iterator
from typing import Any, Final

from guardhouse.inspect.abilities import stored_by, wants
from guardhouse.inspect.injections import injections
from guardhouse.inspect.measures import Measures, measure
from guardhouse.inspect.references import Found, fault_in, find, media_of
from guardhouse.inspect.servers import beside, servers
from guardhouse.inspect.sniffing import fits, is_base64, is_encoded, names_of, sniff
from guardhouse.inspect.stored import SHOWN
from guardhouse.inspect.structured import START, Parameter, structured, structured_anywhere
from guardhouse.model.ability import Ability
from guardhouse.model.asked_server import AskedServer, At
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.payloads import judge as judge_payload
from guardhouse.path.plane import DataPlane
from guardhouse.path.servers import judge as judge_servers
from guardhouse.path.servers import note as note_servers
from guardhouse.path.stored import judge as judge_stored
from guardhouse.path.stored import note as note_stored
from guardhouse.policy.contracts.rules import Rules
from guardhouse.policy.sections.content import Content
from guardhouse.policy.snapshot import Model
from guardhouse.wire.dialects.deferred import DeferredRoute, Deferring
from guardhouse.wire.dialects.dialect import Route

_PLACES: Final = 160  # characters of a place that a refusal repeats at most
_SHOWN: Final = frozenset(
    (
        *("audio", "audio_url", "content", "data", "document", "documents", "file", "file_data", "file_url", "files"),
        *(
            "image",
            "image_url",
            "images",
            "input",
            "input_audio",
            "media",
            "messages",
            "output",
            "prompt",
            "server_url",
        ),
        *("source", "tool_calls", "tools", "uri", "url", "video", "video_url", "videos", *SHOWN),
    )
)


def hold(exchange: Exchange, plane: DataPlane) -> Verdict:
    model, grant = exchange.model, exchange.grant
    if model is None:
        return None
    asked = _servers(exchange)
    found = _references(exchange)
    denial = _judge_reach(exchange, model, asked, found)
    if denial is not None:
        return denial
    if asked:
        note_servers(exchange, asked, model, plane)
    if found:
        note_stored(exchange, found, plane)
    if grant is not None and grant.injection:
        denial = _judge_injections(exchange, block=grant.injection == "block")
        if denial is not None:
            return denial
    return None if model.rules.plain else _hold_to(exchange, model.rules)


def _judge_reach(exchange: Exchange, model: Model, asked: list[AskedServer], found: list[Found]) -> Verdict:
    """What the model server would fetch, look up, get with it, and connect to."""
    denial = judge_servers(exchange, asked, model) if asked else None
    if denial is not None:
        return denial
    route = exchange.route
    if route is not None and route.dialect.payload:
        denial = judge_payload(route.dialect.media(exchange.document, route), model.rules.content)
        if denial is not None:
            return denial
    if asked:
        found = beside(found, asked)
    return _judge_references(found, model.rules) if found else None


def _hold_to(exchange: Exchange, rules: Rules) -> Verdict:
    judged = _judge(exchange, rules, mend=True)
    if isinstance(judged, Denial):
        return judged
    if judged:
        _take_over(exchange, exchange.document)
    return None


def _references(exchange: Exchange) -> list[Found]:
    assert exchange.route is not None
    payload = exchange.route.dialect.payload
    if type(exchange.document) is dict:
        return find(exchange.document, payload)
    found: list[Found] = []
    for at, request in _requests(exchange):
        for each in find(request, payload):
            each.place = (*at, *each.place)
            found.append(each)
    return found


def _requests(exchange: Exchange) -> list[tuple[At, dict[str, Any]]]:
    """What is judged by where things stand in it: the document, each request of a file, or a list as one object."""
    document, route = exchange.document, exchange.route
    if type(document) is dict:
        return [((), document)]
    if route is not None and isinstance(route.dialect, Deferring):
        requests = route.dialect.requests(document)
        return [(("document", number), request) for number, request in enumerate(requests, _first(route))]
    return [((), {"document": document})]


def _first(route: Route) -> int:
    """The number of the first request that is judged now."""
    return route.first if isinstance(route, DeferredRoute) else 0


def _servers(exchange: Exchange) -> list[AskedServer]:
    document = exchange.document
    if type(document) is dict:
        return servers(document)
    found: list[AskedServer] = []
    for at, request in _requests(exchange):
        parts = [(at, request)] if at else [(("document", number), part) for number, part in enumerate(document)]
        for place, part in parts:
            if type(part) is dict:
                found += servers(part, place)
    return found


def _judge_injections(exchange: Exchange, *, block: bool) -> Verdict:
    counts: dict[str, int] = {}
    for kind, place in injections(_parameters(exchange)):
        if block:
            return Denial(Reason.INJECTION_FOUND, f"It looks like an injection ({kind}).", param=place[:_PLACES])
        counts[kind] = counts.get(kind, 0) + 1
    if counts:
        exchange.injections = counts
    return None


def _parameters(exchange: Exchange) -> Iterator[Parameter]:
    """What is structured in the request, or in each request of a file."""
    assert exchange.route is not None
    texts = exchange.route.dialect.told_texts(exchange.document)
    if texts is not None:
        yield from structured_anywhere(exchange.document, texts)
        return
    for at, request in _requests(exchange):
        yield from structured(request, ((START, at[0]), at[1]) if at else START)


def would_hold(exchange: Exchange, model: Model) -> bool:
    """Whether another model may be given this very request, as it stands."""
    rules = model.rules
    if _judge_reach(exchange, model, _servers(exchange), _references(exchange)) is not None:
        return False
    return rules.plain or not isinstance(_judge(exchange, rules, mend=False), Denial)


def would_refuse(rehearsal: Exchange) -> Verdict:
    """What `hold` would say, for an exchange that never goes anywhere: its document may be changed, nothing else is."""
    model, grant = rehearsal.model, rehearsal.grant
    assert model is not None
    denial = _judge_reach(rehearsal, model, _servers(rehearsal), _references(rehearsal))
    if denial is None and grant is not None and grant.injection == "block":
        denial = _judge_injections(rehearsal, block=True)
    if denial is not None or model.rules.plain:
        return denial
    judged = _judge(rehearsal, model.rules, mend=True)
    return judged if isinstance(judged, Denial) else None


def _judge(exchange: Exchange, rules: Rules, *, mend: bool) -> Denial | bool:
    """A denial, or whether the document was changed."""
    route = exchange.route
    if route is None or not route.deferred:
        return _judge_request(exchange, rules, exchange.document, mend=mend)
    dialect, changed = route.dialect, False
    assert isinstance(route, DeferredRoute)
    assert isinstance(dialect, Deferring)
    if route.leaves and _is_off(exchange, rules, "stored"):
        detail = "The feature stored is not to be used, and the model server would keep this."
        return Denial(Reason.FEATURE_REFUSED, detail, param="stored")
    for number, request in enumerate(dialect.requests(exchange.document), 1 + route.first):
        judged = _judge_request(exchange, rules, request, mend=mend)
        if isinstance(judged, Denial):
            return Denial(judged.reason, f"Request {number}: {judged.detail}", judged.param)
        changed = changed or judged
    return changed


def _judge_request(exchange: Exchange, rules: Rules, document: Any, *, mend: bool) -> Denial | bool:
    for part in [document] if type(document) is dict else _parts_of(document):
        denial = _judge_features(exchange, rules, part)
        if denial is None and rules.bounds:
            denial = _judge_bounds(measure(part), rules)
        if denial is not None:
            return denial
    changed = False
    if rules.parameters is not None:
        if type(document) is not dict:
            return Denial(Reason.PARAMETER_REFUSED, "Parameters are held in an object, and the body is none.")
        applied = rules.parameters.apply(document, mend=mend)
        if isinstance(applied, Denial):
            return applied
        changed = applied
    kept = _is_kept(exchange, rules, document, mend=mend)
    if kept and not mend:
        return Denial(Reason.FEATURE_REFUSED, param="store")
    return _judge_contract(exchange, rules, document) or changed or kept


def _parts_of(document: Any) -> list[dict[str, Any]]:
    """A document that is a list: all of it for what is measured as a whole, and each object that a model server may
    take for a request."""
    return [{"document": document}, *(entry for entry in document if type(entry) is dict)]


def _take_over(exchange: Exchange, document: Any) -> None:
    """What was read of the document before may not be there any more: masking must not bring it back."""
    route, found = exchange.route, exchange.found
    assert route is not None
    exchange.encoded = route.dialect.encode(document, route)
    exchange.controls["contracts"] = "changed"
    if found is not None:
        exchange.found = (route.dialect.texts(document, route), found[1])


def _judge_features(exchange: Exchange, rules: Rules, document: Any) -> Verdict:
    principal = exchange.principal
    assert principal is not None
    for ability in rules.abilities:
        wanted = wants(ability, document, stream=exchange.stream)
        if wanted and not rules.switches.is_on(ability, principal.id):
            detail = f"The feature {ability} is not to be used."
            if ability != "stored":
                return Denial(Reason.FEATURE_REFUSED, detail, param=ability)
            name = stored_by(document)
            return Denial(Reason.FEATURE_REFUSED, f"{detail} {name} needs what the model server keeps.", param=name)
    return None


def _is_kept(exchange: Exchange, rules: Rules, document: Any, *, mend: bool) -> bool:
    """Whether the model server, as it was not told otherwise, would keep what it is not to keep."""
    route = exchange.route
    assert route is not None
    return _is_off(exchange, rules, "stored") and route.dialect.is_kept(document, route, mend=mend)


def _is_off(exchange: Exchange, rules: Rules, ability: Ability) -> bool:
    assert exchange.principal is not None
    return ability in rules.abilities and not rules.switches.is_on(ability, exchange.principal.id)


def _judge_bounds(measures: Measures, rules: Rules) -> Verdict:
    held = {
        "messages": measures.messages,
        "tools": measures.tools,
        "depth": measures.depth,
        "characters": measures.characters,
        "images": measures.images,
        "audio": measures.audio,
        "files": measures.files,
    }
    for name, bound in rules.bounds:
        if held[name] > bound:
            return Denial(Reason.CONTENT_BEYOND_LIMIT, f"At most {bound} {name}, not {held[name]}.", param=name)
    return None


def _judge_contract(exchange: Exchange, rules: Rules, document: Any) -> Verdict:
    contract = rules.contract
    if contract is None:
        return None
    if contract.response is not None and exchange.stream:
        detail = f"An answer that flows cannot be held to the contract {contract.name} {contract.version}."
        return Denial(Reason.CONTRACT_VIOLATED, detail, param="stream")
    fault = None if contract.request is None else contract.request.fault(document)
    if fault is None and contract.inputs is not None:
        assert exchange.route is not None
        fault = exchange.route.dialect.misfit(document, "inputs", contract.inputs)
    if fault is None:
        return None
    return Denial(Reason.CONTRACT_VIOLATED, f"By the contract {contract.name} {contract.version}, {fault}.")


def _judge_references(found: list[Found], rules: Rules) -> Verdict:
    content = rules.content
    for each in found:
        if each.stored is not None:
            denial = judge_stored(each.stored, content.stored, _place(each))
            if denial is not None:
                return denial
            continue
        fault = fault_in(each, content.hosts)
        if fault is not None:
            return Denial(Reason.URL_REFUSED, f"The URL {fault}.", param=_place(each))
        media, size = media_of(each)
        if media and not _is_taken(media, content):
            return Denial(Reason.MEDIA_REFUSED, "The media type is not among those that are taken.", param=_place(each))
        if size > content.media_bytes:
            detail = f"At most {content.media_bytes} bytes are taken."
            return Denial(Reason.MEDIA_REFUSED, detail, param=_place(each))
        denial = _judge_bytes(each, media, content) if size else None
        if denial is not None:
            return denial
    return None


def _judge_bytes(found: Found, declared: str, content: Content) -> Verdict:
    """What is said to be of a type that is taken, and is of another, has to be of one that is taken as well."""
    if (found.url or (declared and not declared.startswith("text/"))) and not is_base64(found.value):
        return Denial(Reason.MEDIA_REFUSED, "It is said to be in base64 and is not.", param=_place(found))
    known = sniff(found.value)
    fitting = fits(declared, known) if declared else bool(known) or not is_encoded(found.value)
    if not fitting and content.mislabelled == "refuse":
        return Denial(Reason.MEDIA_MISLABELLED, param=_place(found))
    if not known or (declared and fitting):
        return None
    if not any(_is_taken(name, content) for name in names_of(known)):
        return Denial(Reason.MEDIA_REFUSED, "The bytes are of a type that is not taken.", param=_place(found))
    return None


def _is_taken(media: str, content: Content) -> bool:
    return media in content.media or f"{media.partition('/')[0]}/*" in content.media


def _place(found: Found) -> str:
    """Where it stands; names that a caller may have made up are left out."""
    text = ""
    for step in found.place:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if step in _SHOWN else "*")
    return text[:_PLACES]
