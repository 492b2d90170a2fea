"""Injections in structured parameters: SQL, templates, paths and commands where an identifier or a setting belongs.

Behind a model server stand programs that put such a parameter into a query, a template, a path or a command line. Free
text is not looked at, since people rightly talk about all of these in prompts, and neither are the arguments of tool
calls: an agent that writes code has commands in them by trade. Looked at are strings at the top of a document other
than its payload, those in `metadata` and in objects of parameters, ids and names of messages, tools and tensors.

One scan, linear in the text, decides; percent-encoded text is scanned as it is and decoded once and twice. A value is
known by its kind and place, never repeated.
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from guardhouse.inspect.patterns import CASELESS, DOTALL, ONCE, Later

SQL: Final = "sql"
TEMPLATE: Final = "template"
PATH: Final = "path"
COMMAND: Final = "command"
KINDS: Final = (SQL, TEMPLATE, PATH, COMMAND)

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
    (r"\b(?:pg_sleep|benchmark|xp_cmdshell|load_file|extractvalue|updatexml|utl_http)\s*\(?", SQL),
    (r"\bsleep\s*\(\s*[0-9]", SQL),
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

_PAYLOAD: Final = frozenset(
    (
        *("description", "input", "instructions", "messages", "prediction", "prompt", "query", "suffix", "system"),
        *("template", "text", "thinking"),
    )
)
_SETTINGS: Final = frozenset(
    ("extra_body", "generation_config", "metadata", "options", "parameters", "sampling_params")
)
_NAMES: Final = frozenset(("call_id", "id", "name", "tool_call_id", "tool_use_id"))
_DEEPEST: Final = 8


_DATABASE: Final = Later([(pattern, CASELESS | ONCE | DOTALL) for pattern, _ in _EXPRESSIONS])


def _note(number: int, _start: int, _end: int, _flags: int, hits: Any) -> None:
    hits.append(number)


def kind_of(value: str) -> str:
    """The kind of injection that a value looks like; empty if it looks like none."""
    hits: list[int] = []
    decoded = value
    for _ in range(3):
        _DATABASE.scan(decoded.encode("utf-8", "replace"), _note, hits)
        once = unquote(decoded) if "%" in decoded else decoded
        if once == decoded:
            break
        decoded = once
    return _EXPRESSIONS[min(hits)][1] if hits else ""


def injections(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and place of each, place being a path without names of the caller's."""
    for place, value in structured(document):
        kind = kind_of(value)
        if kind:
            yield kind, place


def structured(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The strings that are looked at."""
    for name, value in document.items():
        folded = name.casefold()
        if type(value) is str:
            if folded not in _PAYLOAD:
                yield _shown(name), value
        elif folded in _SETTINGS:
            yield from _leaves(value, _shown(name), 0)
        elif type(value) is list:
            yield from _names(value, _shown(name), 0)


def _leaves(node: Any, place: str, depth: int) -> Iterator[tuple[str, str]]:
    if type(node) is str:
        yield place, node
    elif depth < _DEEPEST:
        if type(node) is dict:
            for name, value in node.items():
                yield f"{place}.*", name
                yield from _leaves(value, f"{place}.*", depth + 1)
        elif type(node) is list:
            for number, value in enumerate(node):
                yield from _leaves(value, f"{place}[{number}]", depth + 1)


def _names(nodes: list[Any], place: str, depth: int) -> Iterator[tuple[str, str]]:
    """Ids and names in messages, tools and tensors, and the parameters of tensors."""
    for number, node in enumerate(nodes):
        if type(node) is not dict:
            continue
        here = f"{place}[{number}]"
        for name, value in node.items():
            if type(value) is str:
                if name in _NAMES:
                    yield f"{here}.{name}", value
            elif name == "function" and type(value) is dict:
                yield from _names([value], f"{here}.function", depth + 1)
            elif name == "parameters" and place in ("inputs", "outputs"):
                yield from _leaves(value, f"{here}.parameters", 0)
            elif type(value) is list and depth < _DEEPEST:
                yield from _names(value, f"{here}.{_shown(name)}", depth + 1)


def _shown(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and len(name) <= 32 else "*"
