"""What a document would make the model server fetch or look up, and what it brings along, wherever it stands.

A model server that follows a caller's URL is a door into its network, so nothing here depends on a dialect knowing its
own fields: a URL is whatever stands under a name that ends like one (`image_url`, `server_url`, `fileUri`), and
whatever under a name for media begins like one. Names count in any case, because some model servers read them so. Left
out is what the model server hands back to the caller without acting on it: the arguments of a tool call that the model
has made, a quotation's source, the schemas of tools and answers, and `metadata`.

`fault_in` is strict where parsers are known to disagree. There is one form of a host, small letters, digits and hyphens
in labels of which the last begins with a letter, so that no spelling of an IP address is one (decimal, octal, hex,
IPv6), nor is a name with a dot at its end, a percent sign or a character that IDNA would change; backslashes, blanks,
control characters and user names are refused wherever they stand.

What the model server has stored is referred to by names of its own (stored.py), and found on the same way.

Not seen from here: where an allowed host redirects to, and what its name resolves to for the model server.
"""

import re
from typing import Any, Final

from guardhouse.inspect.stored import REFERRING, kind_of_object, kind_of_text
from guardhouse.model.stored import StoredKind

_COMMON: Final = frozenset(
    ("arguments", "content", "datatype", "model", "name", "role", "text", "thinking", "tool_call_id", "type")
)
_ENDINGS: Final = ("url", "uri", "urls", "uris", "href")
_MEDIA: Final = frozenset(
    (
        *("audio", "audio_data", "data", "file", "file_data", "files", "image", "image_data"),
        *("images", "input_audio", "input_image", "media", "path", "source", "src", "video", "video_data", "videos"),
    )
)
_SCHEMAS: Final = frozenset(("function", "input_schema", "json_schema", "parameters", "schema"))
_SCHEMAS_OF: Final = frozenset(("functions", "response_format", "text", "tools"))
_QUOTATIONS: Final = frozenset(
    (
        *("search_result", "search_result_location", "url_citation", "web_fetch_result", "web_search_result"),
        "web_search_result_location",
    )
)
_QUOTED: Final = frozenset(("source", "url"))
_SCHEME: Final = re.compile(
    r"[\x00-\x20]*(?:(?:https?|ftps?|file|s3|gs|gcs|hf|blob|data):|[a-z][a-z0-9+.-]*:[/\\]|[/\\]{2})", re.IGNORECASE
)
_IGNORED: Final = {ord(letter): None for letter in "\t\r\n"}  # by parsers of URLs, wherever they stand
_FORMATS: Final = {"mp3": "mpeg"}
_DATA: Final = re.compile(
    r"data:([a-z]+/[a-z0-9][a-z0-9.+-]*)((?:;[a-z0-9-]+=[A-Za-z0-9._-]+)*);base64,", re.IGNORECASE
)
_WEB: Final = re.compile(
    r"https://((?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::([1-9][0-9]{0,4}))?"
    r"(?:[/?#][!-~]*)?",
)
_DEEPEST: Final = 64
_IN_TENSOR: Final = 2  # steps from the document: the list of tensors, the number in it


class Found:
    """One URL, one thing that is brought along, or one name of a thing that is stored, and where it stands."""

    __slots__ = ("media", "place", "stored", "url", "value")

    def __init__(
        self,
        place: tuple[str | int, ...],
        value: str,
        media: str = "",
        *,
        url: bool = False,
        stored: StoredKind | None = None,
    ) -> None:
        self.place = place
        self.value = value
        self.media = media  # what stands beside it as its type, where that is said
        self.url = url
        self.stored = stored  # as what kind of thing; None for what is not stored


def find(document: dict[str, Any], payload: str = "") -> list[Found]:
    """`payload` is the member of tensors under which a dialect has what a model computes with, and nothing to be
    fetched. The same name elsewhere, as of a parameter, is looked at."""
    found: list[Found] = []
    _walk(document, (), found, payload)
    return found


def _walk(node: dict[str, Any], path: tuple[str | int, ...], found: list[Found], payload: str) -> None:
    if len(path) > 2 * _DEEPEST:
        return  # deeper than a document can be
    for name, value in node.items():
        kind = type(value)
        if name == payload and payload and len(path) == _IN_TENSOR:
            continue
        if kind is str:
            if name not in _COMMON:
                _look(name, value, node, (*path, name), found)
        elif kind is dict:
            if not path and value:
                _note_object(name, value, found)
            if not _is_quoted(name, node, path):
                _walk(value, (*path, name), found, payload)
        elif kind is list and value:
            _walk_list(name, value, node, (*path, name), found, payload)


def _walk_list(  # noqa: PLR0917 - for every request; one object more to carry them would cost what it says
    name: str,
    entries: list[Any],
    holder: dict[str, Any],
    path: tuple[str | int, ...],
    found: list[Found],
    payload: str,
) -> None:
    """The entries of a list, which stand under its name."""
    if len(path) > 2 * _DEEPEST:
        return
    for number, entry in enumerate(entries):
        kind = type(entry)
        if kind is dict:
            if len(entry) != 2 or type(entry.get("content")) is not str or type(entry.get("role")) is not str:
                _walk(entry, (*path, number), found, payload)
        elif kind is str:
            if name not in _COMMON:
                _look(name, entry, holder, (*path, number), found)
        elif kind is list:
            _walk_list(name, entry, holder, (*path, number), found, payload)


def _is_quoted(name: str, node: dict[str, Any], path: tuple[str | int, ...]) -> bool:
    """Whether what stands under `name` only describes or repeats, and is nothing to be acted upon."""
    if not path:
        return name in ("format", "metadata")
    if name == "input":
        return node.get("type") == "tool_use"
    return name in _SCHEMAS and path[0] in _SCHEMAS_OF


def _look(name: str, value: str, holder: dict[str, Any], path: tuple[str | int, ...], found: list[Found]) -> None:
    folded = name.casefold()
    if folded.endswith(_ENDINGS):
        if value and not _is_quotation(name, holder):
            found.append(Found(path, value, "", url=True))
    elif folded in _MEDIA and value and not _is_quotation(name, holder):
        is_url = _SCHEME.match(value[:80].translate(_IGNORED)) is not None
        media = holder.get("media_type") or holder.get("mime_type") or _of_recording(path, holder)
        found.append(Found(path, value, media if type(media) is str else "", url=is_url))
    elif folded in REFERRING and value:
        stored = kind_of_text(folded, holder, path)
        if stored is not None:
            found.append(Found(path, value, stored=stored))


def _note_object(name: str, value: dict[str, Any], found: list[Found]) -> None:
    stored = kind_of_object(name)
    if stored is not None:
        id_ = value.get("id")
        found.append(Found((name,), id_ if type(id_) is str else "", stored=stored))


def _of_recording(path: tuple[str | int, ...], holder: dict[str, Any]) -> str:
    """What OpenAI's recordings say of themselves instead of a media type."""
    form = holder.get("format")
    return f"audio/{_FORMATS.get(form, form)}" if type(form) is str and "input_audio" in path else ""


def _is_quotation(name: str, holder: dict[str, Any]) -> bool:
    """Whether it only says where something was found."""
    kind = holder.get("type")
    return name in _QUOTED and type(kind) is str and kind in _QUOTATIONS


def fault_in(found: Found, hosts: tuple[str, ...]) -> str | None:
    """Why the model server is not to fetch this; None for what needs no fetching, or may be fetched."""
    value = found.value
    if not found.url or _DATA.match(value):
        return None
    match = _WEB.fullmatch(value)
    if match is None or "\\" in value:
        if value[:8].lower() == "https://":
            return "is not in the one form that is taken: https, a host name in small letters, no user, no backslash"
        return "is neither https nor data in base64"
    return None if _entry_for(match, hosts) else "leads to a host that this model may not fetch from"


def entry_for(url: str, hosts: tuple[str, ...]) -> str:
    """By which of the hosts a URL may be fetched; empty if by none."""
    match = _WEB.fullmatch(url)
    return "" if match is None or "\\" in url else _entry_for(match, hosts)


def _entry_for(match: re.Match[str], hosts: tuple[str, ...]) -> str:
    host, port = match[1], match[2]
    named = host if port is None or port == "443" else f"{host}:{port}"
    for known in hosts:
        if named == known or (known[0] == "." and named.endswith(known)):
            return known
    return ""


def media_of(found: Found) -> tuple[str, int]:
    """The media type, as far as it is said, and the size of what is brought along; 0 for what is to be fetched."""
    match = _DATA.match(found.value)
    if match is not None:
        return match[1].lower(), (len(found.value) - match.end()) * 3 // 4
    return ("", 0) if found.url else (found.media.lower(), len(found.value) * 3 // 4)
