"""Injections in structured parameters: SQL, templates, paths and commands where an identifier or a setting belongs.

Behind a model server stand programs that put such a parameter into a query, a template, a path or a command line. Which
strings of a document are such parameters is known to structured.py.

One scan, linear in the text, decides; percent-encoded text is scanned as it is and decoded once and twice. A value is
known by its kind and place, never repeated.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote

from guardhouse.inspect.patterns import CASELESS, DOTALL, ONCE, Later
from guardhouse.inspect.structured import Parameter, place_of

SQL: Final = "sql"
TEMPLATE: Final = "template"
PATH: Final = "path"
COMMAND: Final = "command"
KINDS: Final = (SQL, TEMPLATE, PATH, COMMAND)
MOST_TOLD: Final = 1000
_MOST_VALUES: Final = 64  # that are scanned together
_MOST_CHARACTERS: Final = 16 * 1024

_PROGRAMS: Final = (
    r"(?:ba|z|da|k)?sh|cat|chmod|chown|cmd|cp|curl|echo|env|id|ls|mkfifo|nc|ncat|perl|ping|powershell|python[0-9.]*|rm"
    r"|ruby|sleep|sudo|telnet|touch|uname|wget|whoami"
)
_EXPRESSIONS: Final[tuple[tuple[str, str], ...]] = (
    (r"""['"`)]\s*(?:or|and|xor|\|\||&&)\s+(?:not\s+)?['"`(]?[\w.-]*['"`)]?\s*(?:=|<|>|\blike\b|\bin\b|\bis\b)""", SQL),
    (r"\bunion\s+(?:all\s+|distinct\s+)?select\b", SQL),
    (r";\s*(?:drop|delete|insert|update|alter|truncate|create|exec|execute|shutdown|grant|declare|merge)\b\s+\w", SQL),
    (r"""['"`)]\s*;?\s*(?:--|#)\s*$""", SQL),
    (r"""['"`)]\s*;\s*--""", SQL),
    (r"\b(?:pg_sleep|xp_cmdshell|load_file|extractvalue|updatexml|utl_http)\s*\(?", SQL),
    (r"\b(?:sleep|benchmark)\s*\(\s*[0-9]", SQL),
    (r"\bwaitfor\s+delay\b", SQL),
    (r"\bselect\b.{1,120}\bfrom\s+(?:information_schema|pg_catalog|sqlite_master|mysql\.|sys\.)", SQL),
    (r"\binto\s+(?:out|dump)file\b", SQL),
    (r"\{\{[^}]{0,200}[*.\[|('+\-][^}]{0,200}\}\}", TEMPLATE),
    (r"\$\{[^}]{0,200}[.(*:+\[][^}]{0,200}\}", TEMPLATE),
    (r"#\{[^}]{0,200}[.(*+\[][^}]{0,200}\}", TEMPLATE),
    (r"<%[=@\s].{0,200}%>", TEMPLATE),
    (r"\{%[-\s]*(?:for|if|import|include|set|extends|macro)\b", TEMPLATE),
    (r"__(?:class|mro|subclasses|globals|builtins|import|init|base|bases)__", TEMPLATE),
    (r"\$\{?jndi:", TEMPLATE),
    (r"(?:^|[/\\])\.\.(?:[/\\]|$)", PATH),
    (r"^(?:/|file:/{0,3})(?:etc|proc|root|sys|dev|var|home|boot|run)/", PATH),
    (r"^~[a-z0-9_-]*/", PATH),
    (r"^[a-z]:\\", PATH),
    (r"^\\\\[\w.-]+\\", PATH),
    (r"^file:", PATH),
    (r"\x00", PATH),
    (rf"[;&|\n`(]\s*(?:/(?:usr/)?s?bin/)?(?:{_PROGRAMS})(?:\s|$|;|\||&|`|\))", COMMAND),
    (r"\$\([^)]{1,200}\)", COMMAND),
    (r"`[a-z/][^`]{0,200}`", COMMAND),
    (r"[|&;]\s*/(?:usr/)?bin/", COMMAND),
    (r">\s*/(?:dev|etc|tmp|var)/", COMMAND),
)

_APART: Final = "\x1e"  # between values that are scanned together; one that has it in it counts as several


def _between(pattern: str) -> str:
    """The pattern with the beginning and the end of a value where it has those of the text."""
    pattern = re.sub(r"(?<!\[)\^", f"(?:^|{_APART})", pattern)
    return re.sub(r"(?<!\\)\$(?=[|)]|$)", rf"(?:$|\\n?{_APART})", pattern)  # `$` stands before a last LF, too


_DATABASE: Final = Later([(_between(pattern), CASELESS | ONCE | DOTALL) for pattern, _ in _EXPRESSIONS])


def _note(number: int, _start: int, _end: int, _flags: int, hits: Any) -> None:
    hits.append(number)


def kind_of(value: str) -> str:
    """The kind of injection that a value looks like; empty if it looks like none."""
    hits = _hits(value)
    return _EXPRESSIONS[min(hits)][1] if hits else ""


def _hits(text: str) -> list[int]:
    """The numbers of the expressions that are found in it, or in what it is decoded once or twice."""
    hits: list[int] = []
    for _ in range(3):
        _DATABASE.scan(text.encode("utf-8", "replace"), _note, hits)
        once = unquote(text) if "%" in text else text
        if once == text:
            break
        text = once
    return hits


def injections(parameters: Iterable[Parameter]) -> Iterator[tuple[str, str]]:
    """Kind and place of each among these (structured.py), of at most MOST_TOLD. Values are looked at one by one only
    where something is found in some of them together."""
    told = 0
    for some in _some(parameters):
        if not _hits(_APART.join([value for _, value in some])):
            continue
        for trail, value in some:
            kind = kind_of(value)
            if kind:
                yield kind, place_of(trail)
                told += 1
                if told == MOST_TOLD:
                    return


def _some(parameters: Iterable[Parameter]) -> Iterator[list[Parameter]]:
    some: list[Parameter] = []
    size = 0
    for parameter in parameters:
        some.append(parameter)
        size += len(parameter[1])
        if len(some) == _MOST_VALUES or size > _MOST_CHARACTERS:
            yield some
            some, size = [], 0
    if some:
        yield some
