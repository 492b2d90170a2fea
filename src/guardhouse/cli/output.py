"""How every command answers: text for people, one JSON document for machines, and the exit code.

0: done. 1: it could not be done, or something was found wrong; said on standard error, or with --json as
`{"error": …}` or `{"problems": […]}` on standard output. 2: the command line itself was wrong (typer's own).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from guardhouse.policy.compile import compile_settings
from guardhouse.policy.document import Document
from guardhouse.policy.load import Loaded, content_of, load, read_document
from guardhouse.policy.problem import Problems
from guardhouse.policy.schema import decode
from guardhouse.policy.settings import Settings
from guardhouse.policy.source import Scalar, Table, parse

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]

LONGEST_NOTE = 200
CONFIG = Path("guardhouse.yaml")


def answer(document: Any, text: str, *, as_json: bool) -> None:
    typer.echo(msgspec.json.encode(document).decode() if as_json else text)


def refuse(message: str, *, as_json: bool) -> NoReturn:
    if as_json:
        answer({"error": message}, "", as_json=True)
    else:
        typer.echo(f"guardhouse: {message}", err=True)
    raise typer.Exit(1)


def refuse_configuration(problems: Problems, *, as_json: bool) -> NoReturn:
    if as_json:
        answer({"problems": problems}, "", as_json=True)
    else:
        typer.echo("\n".join(map(str, problems)), err=True)
    raise typer.Exit(1)


def load_or_refuse(config: Path, *, as_json: bool) -> Loaded:
    loaded = load(config)
    return loaded if isinstance(loaded, Loaded) else refuse_configuration(loaded, as_json=as_json)


def settings_or_refuse(config: Path, *, as_json: bool) -> Settings:
    """The settings alone, for commands that serve nothing and so have no business with upstream credentials."""
    return compile_settings(document_or_refuse(config, as_json=as_json), config.absolute().parent)


def document_or_refuse(config: Path, *, as_json: bool) -> Document:
    """What is written, each part sound by itself; references are not followed."""
    content = content_of(config)
    if not isinstance(content, bytes):
        refuse_configuration(content, as_json=as_json)
    source = parse(content, str(config))
    decoded = decode(source.root, str(config))
    if decoded.document is None or source.problems or decoded.problems:
        refuse_configuration((*source.problems, *decoded.problems), as_json=as_json)
    return decoded.document


def sound_or_refuse(file: Path, config: Path, *, as_json: bool) -> tuple[bytes, Document]:
    """A file, as it would be in the place of `config`, judged in all but its secrets."""
    content = content_of(file)
    if not isinstance(content, bytes):
        refuse_configuration(content, as_json=as_json)
    document = read_document(content, file, config.absolute().parent)
    if not isinstance(document, Document):
        refuse_configuration(document, as_json=as_json)
    return content, document


def state_or_refuse(config: Path, *, as_json: bool) -> Path:
    """The state directory, as long as that key can be read, whatever else is wrong with the file."""
    content = content_of(config)
    if not isinstance(content, bytes):
        refuse_configuration(content, as_json=as_json)
    source = parse(content, str(config))
    if not isinstance(source.root, Table):
        refuse_configuration(source.problems, as_json=as_json)
    entry = source.root.entries.get("state")
    named = entry.node.value if entry is not None and isinstance(entry.node, Scalar) else None
    return config.absolute().parent / (named if isinstance(named, str) else Settings().state)


def note_of(text: str) -> str:
    """An option that is kept with what it explains."""
    if len(text) > LONGEST_NOTE or not text.isprintable():
        raise typer.BadParameter(f"one line of {LONGEST_NOTE} characters at most")
    return text


def table(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first line has the heads."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def moment(at: float | None) -> str:
    """A time as people read it, in UTC."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
