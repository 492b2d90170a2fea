"""Parts of a request or an answer that are no text: where they stand, and what of them is there or is to be had."""

from collections.abc import Sequence
from typing import Literal

MediaKind = Literal["audio", "document", "file", "image", "video"]


class Part:
    """`kind` is empty where only the bytes can tell it. `value` is base64, a `data:` URL or a URL to be fetched, or the
    bytes themselves; empty for what is stored at the model server. Where it is only the beginning, or nothing of it,
    `size` says how many bytes there are."""

    __slots__ = ("declared", "kind", "place", "size", "value")

    def __init__(
        self, kind: MediaKind | Literal[""], place: str, declared: str, value: str | bytes, size: int = -1
    ) -> None:
        self.kind: MediaKind | Literal[""] = kind
        self.place = place
        self.declared = declared  # the media type that stands beside it; one in a `data:` URL is left there
        self.value = value
        self.size = size

    def __repr__(self) -> str:
        return f"<Part {self.kind} at {self.place}>"


class Parts:
    """Many of one kind at one place, where they are numbered: a tensor has millions as easily as one, so there is no
    Part of each until it is asked for."""

    __slots__ = ("declared", "kind", "numbers", "place", "values")

    def __init__(
        self,
        kind: MediaKind | Literal[""],
        place: str,
        declared: str,
        values: Sequence[str | bytes],
        numbers: Sequence[int],
    ) -> None:
        self.kind: MediaKind | Literal[""] = kind
        self.place = place
        self.declared = declared
        self.values = values
        self.numbers = numbers  # of each, at the place

    def at(self, position: int) -> Part:
        """The one that is `position` in `values`."""
        return Part(self.kind, f"{self.place}[{self.numbers[position]}]", self.declared, self.values[position])

    def __repr__(self) -> str:
        return f"<{len(self.values)} Parts at {self.place}>"
