"""`guardhouse policy explain` and `test`: what the policy decides and why, and whether it is what was meant.

Both read the configuration file, not what a running gateway goes by, and need none of its secrets.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from guardhouse.cli.output import CONFIG, AsJson, Config, answer, refuse, refuse_configuration, sound_or_refuse
from guardhouse.control.state import State, load_secrets, shares_of
from guardhouse.control.store import Store
from guardhouse.identity.api_keys import principal_of
from guardhouse.model.dialect import NAMES, DialectName
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.cases import Case, Outcome, read_cases, try_case
from guardhouse.policy.compile import compile_settings
from guardhouse.policy.deferral import LINES
from guardhouse.policy.document import Document
from guardhouse.policy.load import rules_of
from guardhouse.policy.outlook import Fallback
from guardhouse.policy.problem import unknown
from guardhouse.policy.question import (
    Circumstances,
    Explanation,
    Person,
    Question,
    explain_for,
    fault_in,
    principal_in,
)
from guardhouse.policy.shares import NO_SHARES, Shares
from guardhouse.policy.trace import Step

_OPERATIONS = {operation.word: operation for operation in Operation}
Several = Annotated[list[str] | None, typer.Option(metavar="NAME", help="May be given again.")]


def explain(
    who: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Who asks, by id.")] = "",
    may: Annotated[str, typer.Option("--may", metavar="OPERATION", help="What for.")] = Operation.CHAT.word,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="On which model.")] = None,
    *,
    key: Annotated[str | None, typer.Option("--key", metavar="ID", help="As whoever holds this key.")] = None,
    group: Several = None,
    role: Several = None,
    scope: Several = None,
    team: Annotated[str, typer.Option("--team", metavar="TEAM")] = "",
    tier: Annotated[str, typer.Option("--tier", metavar="TIER")] = "",
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", metavar="NAME=VALUE", help="May be given again.")
    ] = None,
    client: Annotated[str, typer.Option("--client", metavar="ADDRESS", help="From where.")] = "127.0.0.1",
    at: Annotated[datetime | None, typer.Option("--at", help="When, in UTC; now if it is not said.")] = None,
    size: Annotated[int, typer.Option("--size", min=0, metavar="BYTES", help="How large a request.")] = 0,
    stream: Annotated[bool, typer.Option("--stream", help="With a streamed answer.")] = False,
    tools: Annotated[bool, typer.Option("--tools", help="With tools.")] = False,
    risk: Annotated[int, typer.Option("--risk", min=0, max=10, help="With this risk score.")] = 0,
    dialect: Annotated[str | None, typer.Option("--dialect", metavar="API", help="By which API.")] = None,
    signed: Annotated[bool, typer.Option("--signed", help="With a signature that holds.")] = False,
    lines: Annotated[
        str | None,
        typer.Option("--lines", metavar="OPERATION", help="Of files and batches: what their requests are for."),
    ] = None,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say what the policy decides, and for every policy why it applies or does not.

    Example: guardhouse policy explain alice --group research --model llama-3-8b --client 192.0.2.7
    """
    if bool(who) == (key is not None):
        raise typer.BadParameter("name a principal or a key", param_hint="PRINCIPAL")
    _, document = sound_or_refuse(config, config, as_json=as_json)
    person = Person(
        id=who or "?",
        groups=tuple(group or ()),
        roles=tuple(role or ()),
        scopes=tuple(scope or ()),
        team=team,
        tier=tier,
        attributes=_attributes(attribute or ()),
    )
    principal = principal_in(person) if key is None else _holder(document, config, key, as_json=as_json)
    request = Circumstances(
        client=client,
        at=None if at is None else at.replace(tzinfo=UTC),
        size=size,
        stream=stream,
        tools=tools,
        risk=risk,
        dialect=_dialect(dialect),
        signed=signed,
        lines=_lines(lines),
    )
    question = _askable(Question(who=person, may=_operation(may), model=model, request=request))
    found = explain_for(rules_of(document, _shares(document, config)), principal, question, time.time())
    answer(found, "\n".join(_told(found, principal.id, question)), as_json=as_json)


def try_cases(
    cases: Annotated[list[Path] | None, typer.Argument(metavar="[CASES]…", help="Files of cases.")] = None,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Try the policy on cases; exit with 1 if one is decided otherwise than it says.

    Without a file it is the one beside the configuration: guardhouse.cases.yaml beside guardhouse.yaml.

    Example: guardhouse policy test --config next.yaml guardhouse.cases.yaml
    """
    _, document = sound_or_refuse(config, config, as_json=as_json)
    rules = rules_of(document, _shares(document, config))
    files = cases or [config.with_suffix(".cases.yaml")]
    now = time.time()
    tried = [(file, case, try_case(rules, case, now)) for file in files for case in _cases(file, as_json=as_json)]
    failed = [outcome for _, _, outcome in tried if outcome.wrong]
    lines = [line for file, case, outcome in tried for line in _judged(file, case, outcome)]
    counted = f"{len(tried)} {'case' if len(tried) == 1 else 'cases'}, {len(failed) or 'none'} otherwise than expected"
    result = {"revision": rules.revision, "cases": len(tried), "failed": failed}
    answer(result, "\n".join([*lines, counted]), as_json=as_json)
    if failed:
        raise typer.Exit(1)


def _cases(file: Path, *, as_json: bool) -> tuple[Case, ...]:
    read = read_cases(file)
    if not read:
        refuse(f"{file} has no cases", as_json=as_json)
    return read if isinstance(read[0], Case) else refuse_configuration(read, as_json=as_json)


def _shares(document: Document, config: Path) -> Shares:
    """For whom features are on: as in the gateway of this state directory, if it has been started once."""
    state = State(compile_settings(document, config.absolute().parent).state)
    try:
        return shares_of(load_secrets(state))
    except OSError:
        return NO_SHARES


def _holder(document: Document, config: Path, key_id: str, *, as_json: bool) -> Principal:
    state = State(compile_settings(document, config.absolute().parent).state)
    record = None
    if state.store.exists():
        store = Store(state.store)
        record = store.get(key_id)
        store.close()
    if record is None:
        refuse("there is no such key", as_json=as_json)
    return principal_of(record)


def _attributes(written: "tuple[str, ...] | list[str]") -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for text in written:
        name, sign, value = text.partition("=")
        if not sign or not name or not value:
            raise typer.BadParameter("write NAME=VALUE", param_hint="--attribute")
        found[name] = (*found.get(name, ()), value)
    return found


def _dialect(word: str | None) -> DialectName | None:
    for name in NAMES:
        if name == word:
            return name
    if word is not None:
        raise typer.BadParameter(unknown("dialect", word, NAMES), param_hint="--dialect")
    return None


def _operation(word: str) -> Operation:
    if word not in _OPERATIONS:
        raise typer.BadParameter(unknown("operation", word, _OPERATIONS), param_hint="--may")
    return _OPERATIONS[word]


def _askable(question: Question) -> Question:
    fault = fault_in(question)
    if fault:
        name, _, why = fault.partition(": ")
        raise typer.BadParameter(why, param_hint=f"--{name}")
    return question


def _lines(word: str | None) -> Operation | None:
    if word is not None and word not in LINES:
        raise typer.BadParameter(unknown("operation of lines", word, LINES), param_hint="--lines")
    return None if word is None else LINES[word]


def _told(found: Explanation, who: str, question: Question) -> Iterator[str]:
    on = f" on {question.model}" if question.model else ""
    yield f"{found.decision.upper()}: {who} may {'' if found.decision == 'allowed' else 'not '}{question.may.word}{on}"
    if found.reason:
        yield f"  reason          {found.reason}"
    if found.narrowed:
        yield f"  narrowed        {found.narrowed}"
    for name in found.unevaluated:
        yield f"  unevaluated     the expression of {name} failed, and was taken against the caller"
    if found.decision == "allowed":
        for side, entities in found.masked.items():
            yield f"  {f'masks {side}':<15} {', '.join(entities) or 'nothing'}"
        yield f"  limits          {'; '.join(found.limits) or 'none'}"
        yield f"  unknown fields  {found.unknown_fields}"
        if found.flags:
            yield f"  flags           {', '.join(found.flags)}"
    for each in found.besides:
        by = f", by {', '.join(each.policies)}" if each.policies else ""
        yield f"  takes as well   {each.may.word}: {each.decision}{f' ({each.reason})' if each.reason else ''}{by}"
    yield from _outlook(found)
    yield f"  revision        {found.revision}"
    yield "Every policy, and why:"
    yield from _steps(found.steps)
    for each in found.besides:
        yield f"Every policy on {each.may.word}, and why:"
        yield from _steps(each.steps)


def _steps(steps: tuple[Step, ...]) -> Iterator[str]:
    for step in steps:
        applies = "applies " if step.applies else "does not"
        yield f"  {applies} {step.effect:<8} {step.policy}: {step.why or 'all of it is met'}"


def _outlook(found: Explanation) -> Iterator[str]:
    """Where it goes and what it is held to."""
    if found.model:
        version = f" version {found.version}" if found.version else ""
        yield f"  model           {found.model}{version}, sent as {found.sent}"
    if found.kept is not None:
        where = "anywhere" if not found.kept.within else f"in {', '.join(found.kept.within)}"
        if found.kept.misplaced:
            where = f"nowhere, by where {found.kept.misplaced} is"
        yield f"  kept            {where}, by {', '.join(found.kept.by)}"
    for server in found.servers:
        region = f" ({server.region})" if server.region else ""
        first = ", asked first" if server.name == found.first else ""
        barred = f", not: {', '.join(server.barred)}" if server.barred else ""
        withheld = f", without {', '.join(server.withheld)}" if server.withheld else ""
        yield f"  server          {server.name}{region}{first}{barred}{withheld}"
    for fallback in found.fallbacks:
        busy = ", also where it would have to wait" if found.when_busy and not fallback.barred else ""
        yield f"  fallback        {_fallback(fallback)}{busy}"
    for words in found.held_to:
        yield f"  held to         {words}"
    for words in found.untold:
        yield f"  cannot tell     {words}"


def _fallback(fallback: Fallback) -> str:
    """The model, and its servers or what is in the way."""
    if fallback.barred:
        return f"{fallback.model}, not: {', '.join(fallback.barred)}"
    servers = [each.name + (f", not: {', '.join(each.barred)}" if each.barred else "") for each in fallback.servers]
    held_to = f", held to {', '.join(fallback.held_to)}" if fallback.held_to else ""
    return f"{fallback.model} at {'; '.join(servers)}{held_to}"


def _judged(file: Path, case: Case, outcome: Outcome) -> Iterator[str]:
    for wrong in outcome.wrong:
        yield f"{file}: {case.name}: {wrong}"
        if case.expect == "allowed" and outcome.explanation.decision == "denied":
            for step in outcome.explanation.steps:
                yield f"  {step.policy} ({step.effect}): {step.why or 'applies'}"
