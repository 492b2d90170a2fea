"""A part of a request or an answer that is no text: where it stands, and what of it is there or is to be had."""

from typing import Literal

MediaKind = Literal["audio", "document", "file", "image", "video"]


class Part:
    """`value` is base64, a `data:` URL or a URL to be fetched, or the bytes themselves; empty for what is stored at the
    model server. Where it is only the beginning, or nothing of it, `size` says how many bytes there are."""

    __slots__ = ("declared", "kind", "place", "size", "value")

    def __init__(self, kind: MediaKind, place: str, declared: str, value: str | bytes, size: int = -1) -> None:
        self.kind = kind
        self.place = place
        self.declared = declared  # the media type that stands beside it; one in a `data:` URL is left there
        self.value = value
        self.size = size

    def __repr__(self) -> str:
        return f"<Part {self.kind} at {self.place}>"
