"""A part of a request that is no text: where it stands, and the string in which it is there or is to be had."""

from typing import Literal

MediaKind = Literal["audio", "document", "file", "image", "video"]


class Part:
    """`value` is base64, a `data:` URL or a URL to be fetched; empty for what is stored at the model server."""

    __slots__ = ("declared", "kind", "place", "value")

    def __init__(self, kind: MediaKind, place: str, declared: str, value: str) -> None:
        self.kind = kind
        self.place = place
        self.declared = declared  # the media type that stands beside it; one in a `data:` URL is left there
        self.value = value

    def __repr__(self) -> str:
        return f"<Part {self.kind} at {self.place}>"
