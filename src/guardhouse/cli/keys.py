"""`guardhouse keys`: create, list, revoke and rotate API keys.

The commands work on the key store beside a running gateway or without one; a running one follows within a second.
A key is printed once, by the command that makes it, alone on standard output; nothing can show it again.
"""

import time
from typing import Annotated, Any

import typer

from guardhouse.cli.operator import whoever
from guardhouse.cli.output import (
    CONFIG,
    AsJson,
    Config,
    answer,
    document_or_refuse,
    moment,
    refuse,
    table,
)
from guardhouse.cli.stored import opened
from guardhouse.control.key_ring import NAME_WANTED, OVERLAP, KeyRing, Rotated, flaws, is_name, seen, state_of
from guardhouse.control.use_store import UseStore
from guardhouse.identity.api_keys import KeyRecord, KeyTerms, MintedKey, parse
from guardhouse.model.operation import Operation
from guardhouse.policy.mentions import notes
from guardhouse.policy.units import parse_duration

app = typer.Typer(no_args_is_help=True, help="Create, list, revoke and rotate API keys.")

_REFUSALS = {
    "unknown": "there is no such key",
    "expired": "the key has expired; create a new one",
    "revoked": "the key was revoked; create a new one",
}


def _name(text: str | None) -> str | None:
    if text is not None and not is_name(text):
        raise typer.BadParameter(NAME_WANTED)
    return text


def _names(texts: list[str] | None) -> list[str] | None:
    for text in texts or ():
        _name(text)
    return texts


def _seconds(text: str) -> float:
    seconds = parse_duration(text)
    if seconds is None:
        raise typer.BadParameter("a whole number and ms, s, m, h or d, such as 30d")
    return seconds


def _key_id(text: str) -> str:
    """Whoever pastes a whole key means its id."""
    return parse(text.encode(errors="replace")) or text


def _list_of(option: str, metavar: str, meaning: str) -> Any:
    return typer.Option(option, metavar=metavar, help=f"{meaning}; may be given again.", callback=_names)


def _word(option: str, metavar: str, meaning: str) -> Any:
    return typer.Option(option, metavar=metavar, help=meaning, callback=_name)


KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `list` shows it.", parser=_key_id)]
Names = list[str] | None


@app.command()
def create(
    principal: Annotated[
        str | None, typer.Argument(metavar="PRINCIPAL", help="Whose key it is.", callback=_name)
    ] = None,
    *,
    named: Annotated[str | None, _word("--principal", "PRINCIPAL", "The same, by name.")] = None,
    group: Annotated[Names, _list_of("--group", "GROUP", "A group it is in")] = None,
    role: Annotated[Names, _list_of("--role", "ROLE", "A role it has")] = None,
    scope: Annotated[Names, _list_of("--scope", "SCOPE", "A scope it is given")] = None,
    team: Annotated[str | None, _word("--team", "TEAM", "The team it belongs to.")] = None,
    tier: Annotated[str | None, _word("--tier", "TIER", "The tier it is served in.")] = None,
    owner: Annotated[str | None, _word("--owner", "OWNER", "Who answers for it.")] = None,
    service: Annotated[bool, typer.Option("--service", help="The key of a program; it needs an owner.")] = False,
    may: Annotated[
        list[Operation] | None,
        typer.Option("--may", help="Narrow it to this operation; may be given again."),
    ] = None,
    model: Annotated[Names, _list_of("--model", "MODEL", "Narrow it to this model")] = None,
    expires: Annotated[
        float | None, typer.Option("--expires", metavar="DURATION", help="End it after this long.", parser=_seconds)
    ] = None,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once. It can do what policies allow its principal; --may and --model take away.

    Example: guardhouse keys create --principal alice --group research --expires 30d

    Example: guardhouse keys create nightly-report --service --owner bob --may embeddings --model small
    """
    whose = principal or named
    if whose is None or (principal and named):
        raise typer.BadParameter("name the principal once", param_hint="PRINCIPAL")
    terms = KeyTerms(
        principal=whose,
        groups=_once(group),
        roles=_once(role),
        scopes=_once(scope),
        team=team or "",
        tier=tier or "",
        owner=owner or "",
        service=service,
        operations=tuple(dict.fromkeys(may)) if may else None,
        models=_once(model) or None,
    )
    if wrong := next(flaws(terms), ""):
        raise typer.BadParameter(wrong)
    now = time.time()
    document = document_or_refuse(config, as_json=as_json)
    with opened(config, as_json=as_json) as (_, secrets, store):
        ends = None if expires is None else now + expires
        minted, record = KeyRing(store, secrets.pepper, whoever()).create(terms, now, ends)
    _show(minted, {**seen(record, now), "key": minted.key.reveal()}, _made(record), as_json=as_json)
    for note in notes(document, groups=terms.groups, roles=terms.roles, teams=_once([team] if team else None)):
        typer.echo(f"note: {note}", err=True)


def _once(names: Names) -> tuple[str, ...]:
    return tuple(sorted(set(names or ())))


@app.command("list")
def list_keys(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Show every key by its id; no secret and no digest. When it was last used is known to about a minute.

    Example: guardhouse keys list --json
    """
    now = time.time()
    with opened(config, as_json=as_json) as (_, _, store):
        records = store.list()
        used = UseStore(store.engine).last_used()
    lines = [("ID", "PRINCIPAL", "OWNER", "GROUPS", "STATE", "CREATED", "EXPIRES", "LAST USED")]
    lines += [
        (
            r.id,
            r.principal,
            r.owner or "-",
            ",".join(r.groups) or "-",
            state_of(r, now),
            moment(r.created_at),
            moment(r.expires_at),
            moment(used.get(r.id)),
        )
        for r in records
    ]
    shown = [{**seen(record, now), "last_used_at": used.get(record.id)} for record in records]
    answer(shown, table(lines), as_json=as_json)


@app.command()
def revoke(key_id: KeyId, config: Config = CONFIG, as_json: AsJson = False) -> None:
    """End a key for good; a running gateway refuses it within a second.

    Example: guardhouse keys revoke 4c9f02kqz81m
    """
    now = time.time()
    with opened(config, as_json=as_json) as (_, secrets, store):
        record = KeyRing(store, secrets.pepper, whoever()).revoke(key_id, now)
    if record is None:
        refuse(_REFUSALS["unknown"], as_json=as_json)
    answer(
        seen(record, now),
        f"key {record.id} of {record.principal} is revoked since {moment(record.revoked_at)}",
        as_json=as_json,
    )


@app.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[
        float | None,
        typer.Option("--overlap", metavar="DURATION", help="How long the old key goes on; 24h.", parser=_seconds),
    ] = None,
    at_once: Annotated[bool, typer.Option("--now", help="End the old key now.")] = False,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Make a new key under the same terms and print it, this once; the old one goes on for a while.

    Example: guardhouse keys rotate 4c9f02kqz81m --overlap 1h
    """
    now = time.time()
    with opened(config, as_json=as_json) as (_, secrets, store):
        result = KeyRing(store, secrets.pepper, whoever()).rotate(key_id, now, 0 if at_once else overlap or OVERLAP)
    if not isinstance(result, Rotated):
        refuse(_REFUSALS[result], as_json=as_json)
    document = {
        **seen(result.record, now),
        "key": result.minted.key.reveal(),
        "replaces": key_id,
        "old_until": now if at_once else result.old_until,
    }
    until = "is revoked" if at_once else f"goes on until {moment(result.old_until)}"
    _show(result.minted, document, f"{_made(result.record)}; {key_id} {until}", as_json=as_json)


def _show(minted: MintedKey, document: dict[str, Any], remark: str, *, as_json: bool) -> None:
    answer(document, minted.key.reveal(), as_json=as_json)
    if not as_json:
        typer.echo(remark, err=True)


def _made(record: KeyRecord) -> str:
    ends = "" if record.expires_at is None else f", until {moment(record.expires_at)}"
    return f"key {record.id} for {record.principal}{ends}; it is not shown again"
