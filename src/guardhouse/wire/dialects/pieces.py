"""Media of an answer that flows: where they are, how large, and how they begin.

They come whole in one event, or in pieces over many: some model servers encode each piece for itself, some cut one
encoding anywhere. Both read the same here: what is padded ends a run of characters, and what is left of four characters
waits for the next piece. Of each only the first HEAD bytes are kept, by which its type is known, and the count.

What comes again at the same place (a partial item, then the whole one) is the same thing; at most MOST are told apart.
"""

import binascii
import re
from collections.abc import Callable
from typing import Final, Literal

from guardhouse.model.media import MediaKind, Part
from guardhouse.model.reason import Reason

JudgeMedia = Callable[[Part], Reason | None]

HEAD: Final = 66
MOST: Final = 1024
ODD: Final = "?"  # in the place of what nobody knows how to read; it is no base64
_SHOWN: Final = 88  # characters that are HEAD bytes
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_URL_SAFE: Final = str.maketrans("-_", "+/", "\r\n")


class Growing:
    """One thing of which the beginning is known. The `value` of its `part` is that, or, if it is no base64, what stands
    there instead."""

    __slots__ = ("_counted", "_rest", "_run", "part")

    def __init__(self, kind: MediaKind | Literal[""], place: str, declared: str) -> None:
        self.part = Part(kind, place, declared, b"", 0)
        self._counted = 0  # bytes of the runs that have ended
        self._run = 0  # characters of the one that has not
        self._rest = ""  # characters at its beginning that are not four yet

    def add(self, piece: str) -> bool:
        """Whether more is known of its beginning than before."""
        self._count(piece)
        part = self.part
        head = part.value
        if not piece or isinstance(head, str) or len(head) >= HEAD:
            return False
        text = self._rest + piece[:_SHOWN].translate(_URL_SAFE)
        whole = len(text) // 4 * 4
        if _BASE64.fullmatch(text) is None:
            part.value = text
            return True
        self._rest = text[whole:]
        try:
            part.value = (head + binascii.a2b_base64(text[:whole]))[:HEAD]
        except binascii.Error:
            part.value = text
        return True

    def _count(self, piece: str) -> None:
        if "\n" in piece:
            piece = piece.replace("\r", "").replace("\n", "")
        padding = 2 if piece.endswith("==") else 1 if piece.endswith("=") else 0
        self._run += len(piece) - padding
        if padding:
            self._counted += self._run * 3 // 4
            self._run = 0
        self.part.size = self._counted + self._run * 3 // 4


class Shown:
    """Everything of the kind in one answer."""

    __slots__ = ("_growing", "_judge", "_parts", "places")

    def __init__(self, judge: JudgeMedia | None) -> None:
        self._judge = judge
        self._parts: dict[str, Part] = {}
        self._growing: dict[str, Growing] = {}
        self.places: list[str] = []  # of what nobody knows how to read

    @property
    def parts(self) -> list[Part]:
        return list(self._parts.values())

    def take(self, part: Part) -> Reason | None:
        """What has come whole. Nothing is judged where nothing is there yet."""
        value = part.value
        assert isinstance(value, str)
        if not value:
            self._parts.setdefault(part.place, part)
            return None
        declared, start = _said_in(value) if value[:5].lower() == "data:" else (part.declared, 0)
        known = Growing(part.kind, part.place, declared)
        known.add(value[start:])
        if part.place in self._parts or len(self._parts) < MOST:
            self._parts[part.place] = known.part
        return None if self._judge is None else self._judge(known.part)

    def grow(self, kind: MediaKind, place: str, piece: str) -> Reason | None:
        known = self._growing.get(place)
        if known is None:
            known = Growing(kind, place, "")
            if len(self._parts) < MOST:
                self._growing[place] = known
                self._parts[place] = known.part
        return self._judge(known.part) if known.add(piece) and self._judge is not None else None

    def take_unknown(self, place: str) -> Reason | None:
        if len(self.places) < MOST:
            self.places.append(place)
        return None if self._judge is None else self._judge(Part("file", place, "", ODD))


def _said_in(url: str) -> tuple[str, int]:
    """The media type in a `data:` URL, and where what it holds begins."""
    return url[5:133].partition(",")[0].partition(";")[0].lower(), url.find(",") + 1
