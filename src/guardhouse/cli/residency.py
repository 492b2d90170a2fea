"""`guardhouse residency`: where bytes can go by a configuration, and where they went by the journal."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from guardhouse import __version__
from guardhouse.audit.segment import list_segments
from guardhouse.cli.output import (
    CONFIG,
    AsJson,
    Config,
    answer,
    document_or_refuse,
    refuse,
    refuse_configuration,
    settings_or_refuse,
    table,
)
from guardhouse.control.seal import is_signed, public_pem, report_key
from guardhouse.control.state import State, StateRefused
from guardhouse.policy.load import content_of, read_document
from guardhouse.policy.survey import SeenWay, places_in, ways_in
from guardhouse.readers.whereabouts import Gap, Line, Sum, tell

app = typer.Typer(no_args_is_help=True, help="Show where bytes can go, and prove where they went.")

_BREAKS = "keep_in"
Moment = Annotated[datetime | None, typer.Option(help="In UTC.")]
JournalOption = Annotated[
    Path | None, typer.Option("--journal", metavar="DIR", help="The journal itself, instead of a configuration's.")
]


class Made(msgspec.Struct, tag="report", tag_field="kind", kw_only=True):
    """The first line of a report."""

    at: float
    since: float
    until: float
    version: str
    format: int = 1


@app.command()
def check(
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Only the ways of this one.")] = None,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show every place and every way to a model server, and what the rules say of it; exit with 1 if one is broken.

    Example: guardhouse residency check --model llama-70b
    """
    document = document_or_refuse(config, as_json=as_json)
    content = content_of(config)
    assert isinstance(content, bytes)
    judged = read_document(content, config, config.absolute().parent)
    problems = judged if isinstance(judged, tuple) else ()
    if [problem for problem in problems if _BREAKS not in problem.path and ".use[" not in problem.path]:
        refuse_configuration(problems, as_json=as_json)
    places, ways = list(places_in(document)), list(ways_in(document, model))
    result = {"sound": not problems, "problems": problems, "places": places, "ways": ways}
    rows = [("PLACE", "REGION", "GETS", "RULES")]
    rows += [
        (
            place.words,
            _region(place.region, place.jurisdiction),
            ", ".join(place.gets),
            f"BROKEN: {', '.join(place.broken)}" if place.broken else "kept",
        )
        for place in places
    ]
    text = [table(rows), "", *(_told(way) for way in ways), *(["", *map(str, problems)] if problems else [])]
    answer(result, "\n".join(text), as_json=as_json)
    if problems:
        raise typer.Exit(1)


@app.command()
def report(  # noqa: PLR0917 - options of a command line, passed by name
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")],
    since: Moment = None,
    until: Moment = None,
    journal: JournalOption = None,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write where the bytes of every exchange went, by the journal, and sign it; exit with 1 if any left or a part is
    missing.

    Beside FILE there will be FILE.sig, the signature, and FILE.pem, the key of this installation to verify it by.

    Example: guardhouse residency report --since 2026-10-01 --until 2026-11-01 -o october.jsonl
    """
    state = State(settings_or_refuse(config, as_json=as_json).state)
    root = journal or state.journal
    if not root.is_dir() or not any(list_segments(each) for each in (root, *root.iterdir()) if each.is_dir()):
        refuse(f"there is no journal in {root}", as_json=as_json)
    try:
        key = report_key(state.report_key)
    except (StateRefused, OSError) as error:
        refuse(str(error), as_json=as_json)
    now = time.time()
    begin, end = _at(since, 0.0), _at(until, now)
    lines: list[Made | Line] = [Made(at=now, since=begin, until=end, version=__version__), *tell(root, begin, end)]
    content = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    output.write_bytes(content)
    _beside(output, "sig").write_bytes(key.sign(content))
    _beside(output, "pem").write_bytes(public_pem(key))
    found = lines[-1]
    assert isinstance(found, Sum)
    gaps = [line for line in lines if isinstance(line, Gap)]
    text = "\n".join([*_summed(found), *(f"gap in {gap.journal}: {gap.what}" for gap in gaps), f"written to {output}"])
    answer({"sum": found, "gaps": gaps}, text, as_json=as_json)
    if gaps or found.verdicts.get("left"):
        raise typer.Exit(1)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The report.")],
    key: Annotated[Path, typer.Option("--key", metavar="PEM", help="The key, from where you trust it.")],
    as_json: AsJson = False,
) -> None:
    """Check that a report was signed by this key and is as it was; exit with 1 if not.

    Without Guardhouse: openssl pkeyutl -verify -pubin -inkey PEM -rawin -in FILE -sigfile FILE.sig

    Example: guardhouse residency verify october.jsonl --key gateway.pem
    """
    try:
        genuine = is_signed(file.read_bytes(), _beside(file, "sig").read_bytes(), key.read_bytes())
    except (OSError, ValueError) as error:
        refuse(f"cannot be verified: {error}", as_json=as_json)
    answer({"genuine": genuine}, f"{file}: {'genuine' if genuine else 'NOT what this key signed'}", as_json=as_json)
    if not genuine:
        raise typer.Exit(1)


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(f"{file.name}.{suffix}")


def _at(moment: datetime | None, otherwise: float) -> float:
    return otherwise if moment is None else moment.replace(tzinfo=UTC).timestamp()


def _region(region: str, jurisdiction: str) -> str:
    return f"{region} ({jurisdiction})" if jurisdiction else region or "-"


def _told(seen: SeenWay) -> str:
    said: dict[str, list[str]] = {}
    for ruling in seen.rulings:
        word = f"without {', '.join(ruling.masked)}" if ruling.verdict == "masked" else _WORDS[ruling.verdict]
        said.setdefault(word, []).append(ruling.by)
    rulings = "; ".join(f"{word}: {', '.join(by)}" for word, by in sorted(said.items()))
    return f"{seen.spelled}: {rulings or 'no rule'}"


_WORDS = {"stays": "kept", "leaves": "BROKEN", "closed": "closed for", "caller": "by who calls"}


def _summed(found: Sum) -> Iterator[str]:
    counted: Iterable[str] = (f"{number} {verdict}" for verdict, number in found.verdicts.items())
    yield f"{found.exchanges} exchanges: {', '.join(counted) or 'none'}"
    for kind, regions in found.regions.items():
        yield f"{kind}: " + ", ".join(f"{number} in {name or 'no region'}" for name, number in regions.items())
