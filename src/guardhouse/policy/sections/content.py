"""`models.X.content`: how much a request may hold, and what the model server may be made to fetch or look up.

A model server that follows a URL out of a request is a way into its network for every caller. So by default it gets
none but `data:` URLs, in media types that carry no references of their own; `hosts` names those it may fetch from. The
defaults of `media`, `media_bytes`, `hosts`, `mcp_servers` and `stored` hold for every model, with this section or
without. What a model server has stored is there for all callers alike, since it knows none of them: `stored` names the
kinds of things that requests may refer to, and there are none by default.

`answer_media` is about the other direction, and strict where it is given: what shows no type at all is let through as
`application/octet-stream` or not at all. Where a policy masks answers, none are let through, whatever it says.
"""

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from guardhouse.model.stored import STORED_KINDS, StoredKind
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, Kind, ListOf, Shape

MEDIA = (
    *("image/png", "image/jpeg", "image/webp", "image/gif"),
    *("audio/wav", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/flac", "audio/webm"),
    *("video/mp4", "video/webm"),
    *("application/pdf", "text/plain"),
)
_MIB = 1024 * 1024
_TYPE = kinds.Text(r"[a-z]+/([a-z0-9][a-z0-9.+-]{0,79}|\*)", "a media type; write one such as image/png or image/*")

# the last label begins with a letter: no spelling of an IP address does
HOST = r"\.?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?(:[1-9][0-9]{0,4})?"


class Content(msgspec.Struct, frozen=True, kw_only=True):
    messages: int | None = None
    tools: int | None = None
    depth: int | None = None
    characters: int | None = None
    images: int | None = None
    audio: int | None = None
    files: int | None = None
    media: tuple[str, ...] = MEDIA
    media_bytes: int = 20 * _MIB
    mislabelled: Literal["tell", "refuse"] = "tell"
    answer_media: tuple[str, ...] | None = None
    hosts: tuple[str, ...] = ()
    mcp_servers: tuple[str, ...] = ()
    stored: tuple[StoredKind, ...] = ()


CONTENT: Kind[Content] = Shape(
    Content,
    {
        "messages": Key(kinds.Whole(1, 1_000_000), "Messages or items of a request."),
        "tools": Key(kinds.Whole(0, 100_000), "Tools that it defines."),
        "depth": Key(kinds.Whole(1, 64), "Levels of its nesting."),
        "characters": Key(kinds.Whole(1, 2**31 - 1), "Characters of all its text together, names of members left out."),
        "images": Key(kinds.Whole(0, 100_000), "Images and videos in it."),
        "audio": Key(kinds.Whole(0, 100_000), "Recordings in it."),
        "files": Key(kinds.Whole(0, 100_000), "Files in it."),
        "media": Key(ListOf(_TYPE), "Media types of what it brings along."),
        "media_bytes": Key(kinds.SIZE, "Size of each thing that it brings along."),
        "mislabelled": Key(
            kinds.Choice("word", {"tell": "tell", "refuse": "refuse"}),
            "What becomes of media whose bytes are not of the type that they are said to be, or of none that is known.",
        ),
        "answer_media": Key(
            ListOf(_TYPE, may_be_empty=True),
            "Media types that an answer may hold, application/octet-stream being what shows none; "
            "without this key any, which the record tells of. Where answers are masked, none.",
        ),
        "hosts": Key(
            ListOf(
                kinds.Text(
                    HOST,
                    "a host; write a name in small letters, one with a dot in front for all below it, never an address",
                )
            ),
            "Where the model server may fetch from, by https only: hosts, or .example.com for all below one.",
        ),
        "mcp_servers": Key(
            ListOf(
                kinds.Text(
                    rf"({HOST})|[a-z][a-z0-9_-]{{0,63}}",
                    "an MCP server; write a host in small letters, one with a dot in front for all below it, or a "
                    "connector's name",
                )
            ),
            "MCP servers that requests may name: hosts, by https only, and names that the model server knows.",
        ),
        "stored": Key(
            ListOf(kinds.Choice("kind of stored thing", {str(kind): kind for kind in STORED_KINDS})),
            "Kinds of things stored at the model server that requests may refer to, whoever has left them there.",
        ),
    },
)


def findings(content: Content | None) -> Iterator[tuple[Path, str]]:
    if content == Content():
        yield (), "says nothing but the defaults"
    for name, hosts in () if content is None else (("hosts", content.hosts), ("mcp_servers", content.mcp_servers)):
        for number, host in enumerate(hosts):
            port = re.search(r":([0-9]+)$", host)
            if port is not None and int(port[1]) > 65_535:
                yield (name, number), "no port is that large"
