"""`guardhouse policy`: the history of the policy, and changing it with a way back.

These commands need the state directory only, which they find in the configuration even when the rest of that file is
in disorder: a rollback must work when somebody has just broken it. A gateway that runs has the last word on a change
(control/request.py); the exit status is 1 if it refuses.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from guardhouse.cli.operator import whoever
from guardhouse.cli.output import (
    CONFIG,
    AsJson,
    Config,
    answer,
    moment,
    note_of,
    refuse,
    refuse_configuration,
    sound_or_refuse,
    state_or_refuse,
    table,
)
from guardhouse.cli.stored import opened_at
from guardhouse.control.request import ask
from guardhouse.control.revisions import Change, Origin, Revisions, Slot
from guardhouse.control.state import State
from guardhouse.control.succession import objections
from guardhouse.policy.compile import revision as revision_of
from guardhouse.policy.difference import Difference, differences, plain
from guardhouse.policy.load import content_of
from guardhouse.policy.source import parse

app = typer.Typer(no_args_is_help=True, help="See what policy is in force and was, change it, and go back.")

_FILE = "file"
_NAMES = "active, shadow, canary, file, or a revision, which may be shortened"
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_NOBODY_ANSWERED = "the gateway has not answered yet; `guardhouse policy history` shows what becomes of it"


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%"))
    except ValueError:
        share = -1.0
    if not 0 < share <= 100:
        raise typer.BadParameter("percent of the principals, more than 0 and at most 100")
    return share


Which = Annotated[str | None, typer.Argument(metavar="[REVISION]", help="A revision, which may be shortened.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for the history.", callback=note_of)]


@app.command()
def history(
    most: Annotated[int, typer.Option("--most", min=1, max=10_000, help="How many changes to show.")] = 20,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show what changed the policy, the latest first; a star marks what is in force.

    Example: guardhouse policy history --most 5
    """
    with _opened(config, as_json=as_json) as (revisions, _):
        changes, standing = revisions.history(most), revisions.standing()
    numbers = {held.number for held in (standing.active, standing.shadow, standing.canary) if held is not None}
    lines = [("", "NUMBER", "TIME", "SLOT", "REVISION", "BY", "THROUGH", "NOTE"), *(_line(c, numbers) for c in changes)]
    shown = [{**msgspec.to_builtins(change), "in_force": change.number in numbers} for change in changes]
    answer(shown, table(lines), as_json=as_json)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help=f"One of: {_NAMES}.")] = "active",
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same; file if it is not said.")] = _FILE,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show where two revisions differ, key by key; comments, layout and the order of policies do not count.

    Example: guardhouse policy diff active 3f9a
    """
    with _opened(config, as_json=as_json) as (revisions, _):
        before, after = (_text(revisions, config, name, as_json=as_json) for name in (old, new))
    found = list(differences(plain(parse(before, old).root), plain(parse(after, new).root)))
    text = "\n".join(map(_difference, found)) or f"{old} and {new} say the same"
    answer(found, text, as_json=as_json)


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="REVISION", help=f"One of: {_NAMES}.")] = "active",
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print the text of a revision as it was written, comments and all.

    Example: guardhouse policy show 3f9a > guardhouse.yaml
    """
    with _opened(config, as_json=as_json) as (revisions, _):
        text = _text(revisions, config, which, as_json=as_json).decode()
    answer({"text": text}, text.removesuffix("\n"), as_json=as_json)


@app.command()
def activate(
    which: Which = None,
    *,
    file: Annotated[Path | None, typer.Option("--file", help="A file to activate instead.")] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Only evaluate it, beside what is active.")] = False,
    canary: Annotated[
        float | None,
        typer.Option("--canary", metavar="PERCENT", help="Let it decide for a share of the principals.", parser=_share),
    ] = None,
    note: Note = "",
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Put a revision in force: the configuration file, another file, or a revision of the history.

    Example: guardhouse policy activate --file next.yaml --canary 5 --note "new limits, try them"
    """
    if which is not None and file is not None:
        raise typer.BadParameter("name a revision or a file, not both", param_hint="REVISION")
    if shadow and canary is not None:
        raise typer.BadParameter("a revision is tried as shadow or as canary", param_hint="--canary")
    slot: Slot = "shadow" if shadow else "canary" if canary is not None else "active"
    with _opened(config, as_json=as_json) as (revisions, state):
        if which is None:
            source, document = sound_or_refuse(file or config, config, as_json=as_json)
            wrong = () if shadow else objections(state.policy, document, source, file or config)
            if wrong:
                refuse_configuration(wrong, as_json=as_json)
            revision = revision_of(document)
        else:
            source, revision = b"", _meant(revisions, which, as_json=as_json)
        change = _change(slot, revision, "command", note, share=canary)
        _tell(ask(revisions, state, change, source), as_json=as_json)
        if file is None and which is None:
            revisions.note_read(str(config.absolute()), source)


@app.command()
def rollback(which: Which = None, note: Note = "", config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Go back to what was active before, or to the revision that is named; a canary ends with it.

    The configuration file is left as it is, and is read again when it is edited.

    Example: guardhouse policy rollback --note "alice cannot work"
    """
    with _opened(config, as_json=as_json) as (revisions, state):
        revision = revisions.previous() if which is None else _meant(revisions, which, as_json=as_json)
        if revision is None:
            refuse("there is nothing to go back to", as_json=as_json)
        _tell(ask(revisions, state, _change("active", revision, "rollback", note)), as_json=as_json)


@app.command()
def withdraw(
    slot: Annotated[Literal["shadow", "canary"], typer.Argument(help="What to take back.")],
    note: Note = "",
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """End the trial of a shadow or canary; what is active stays.

    Example: guardhouse policy withdraw canary
    """
    with _opened(config, as_json=as_json) as (revisions, state):
        standing = revisions.standing()
        if (standing.shadow if slot == "shadow" else standing.canary) is None:
            refuse(f"there is no {slot}", as_json=as_json)
        _tell(ask(revisions, state, _change(slot, None, "command", note)), as_json=as_json)


@contextmanager
def _opened(config: Path, *, as_json: bool) -> Iterator[tuple[Revisions, State]]:
    with opened_at(state_or_refuse(config, as_json=as_json), as_json=as_json) as stored:
        yield Revisions(stored.store.engine), stored.state


def _change(slot: Slot, revision: str | None, origin: Origin, note: str, share: float | None = None) -> Change:
    return Change(slot=slot, revision=revision, share=share, at=time.time(), author=whoever(), origin=origin, note=note)


def _meant(revisions: Revisions, name: str, *, as_json: bool) -> str:
    found = revisions.beginning_with(name)
    if len(found) != 1:
        number = f"{len(found)} revisions begin with" if found else "there is no revision"
        refuse(f"{number} {name}", as_json=as_json)
    return found[0]


def _text(revisions: Revisions, config: Path, name: str, *, as_json: bool) -> bytes:
    if name == _FILE:
        content = content_of(config)
        if not isinstance(content, bytes):
            refuse_configuration(content, as_json=as_json)
        return content
    if name in ("active", "shadow", "canary"):
        held: Change | None = getattr(revisions.standing(), name)
        if held is None or held.revision is None:
            refuse(f"there is no {name} revision", as_json=as_json)
        name = held.revision
    source = revisions.source(_meant(revisions, name, as_json=as_json))
    assert source is not None
    return source


def _tell(change: Change, *, as_json: bool) -> None:
    if change.status == "refused":
        refuse(f"not activated: {change.said}", as_json=as_json)
    if change.status == "requested":
        refuse(_NOBODY_ANSWERED, as_json=as_json)
    share = "" if change.share is None else f" for {change.share:g} % of the principals"
    held = f"revision {change.revision}{share}" if change.revision else "empty"
    answer(change, f"{change.slot} is {held}; change {change.number} by {change.author}", as_json=as_json)


def _line(change: Change, in_force: set[int]) -> tuple[str, ...]:
    share = "" if change.share is None else f" {change.share:g}%"
    note = change.note if change.status == "accepted" else f"{change.status}: {change.said or change.note}"
    return (
        "*" if change.number in in_force else "",
        str(change.number),
        moment(change.at),
        change.slot,
        f"{change.revision or '-'}{share}",
        change.author or "-",
        change.origin,
        note or "-",
    )


def _difference(found: Difference) -> str:
    values = {"added": (found.new,), "removed": (found.old,), "changed": (found.old, found.new)}[found.kind]
    return f"{_SIGNS[found.kind]} {found.path}: {' -> '.join(msgspec.json.encode(value).decode() for value in values)}"
