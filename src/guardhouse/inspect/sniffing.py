"""What media are by their first bytes, beside what they are said to be.

A media type is a claim of the caller. Model servers, and the libraries they read media with, go by the bytes, so a rule
about types that only hears the claim is no rule: a playlist or a drawing that is said to be a picture makes the reader
of it fetch other things. SIGNATURES is a short table of what is common, and of what refers elsewhere; it does not tell
whether a file is sound, nor what else is hidden in it.

Only the first characters of base64 are decoded, never the whole; its size follows from its length. What is not base64
from the first character on is not looked at, and is of no known type.

Containers hold one thing or another (a picture or a film in the same boxes, documents in zip archives), so a type that
is found has several names that fit it.
"""

import binascii
import re
from typing import Final

_PREFIX: Final = 88  # characters of base64 that are decoded
HEAD: Final = 66  # bytes that these stand for
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\r\n-]+={0,2}")
_URL_SAFE: Final = str.maketrans("-_", "+/", "\r\n")
_LEAST: Final = 24  # characters of what is media rather than a word

SIGNATURES: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (4, b"moov", "video/quicktime"),
    (4, b"mdat", "video/quicktime"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
)
_IN_RIFF: Final = frozenset(("image/webp", "audio/wav", "video/x-msvideo"))
_BRANDS: Final = (
    (b"M4A", "audio/mp4"),
    (b"M4B", "audio/mp4"),
    (b"avi", "image/avif"),
    (b"hei", "image/heic"),
    (b"mif", "image/heic"),
    (b"qt ", "video/quicktime"),
)
_MARKUP: Final = (
    (b"<svg", "image/svg+xml"),
    (b"<!doctype svg", "image/svg+xml"),
    (b"<!doctype html", "text/html"),
    (b"<html", "text/html"),
    (b"<!--", "text/html"),
    (b"<?xml", "application/xml"),
    (b"<!doctype", "application/xml"),
    (b"<mpd", "application/dash+xml"),
    (b"#extm3u", "application/vnd.apple.mpegurl"),
    (b"push graphic-context", "image/x-mvg"),
    (b"viewbox ", "image/x-mvg"),
    (b"ffconcat version", "application/x-ffconcat"),
    (b"v=0\n", "application/sdp"),
    (b"v=0\r", "application/sdp"),
)
_MAY_SHOW: Final = re.compile(  # what it has to be, to have a type: asked first, where there may be a million of them
    rb"[\s\xef\xbb\xbf\xfe\xff\0]{0,%d}(?i:[%b])|\xff[\xe0-\xff]|"
    % (HEAD, re.escape(bytes({mark[0] for mark, _ in _MARKUP})))
    + b"|".join([b"(?s:.{%d})%b" % (offset, re.escape(mark)) for offset, mark, _ in SIGNATURES])
    + rb"|(?s:.{4})ftyp"
)
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OPEN: Final = "application/vnd.oasis.opendocument."
_NAMES: Final[dict[str, frozenset[str]]] = {  # other names of the type that was found
    "application/gzip": frozenset(("application/x-gzip",)),
    "application/rtf": frozenset(("text/rtf",)),
    "application/vnd.apple.mpegurl": frozenset(("application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl")),
    "application/xml": frozenset(("image/svg+xml", "text/html", "text/xml", "application/xhtml+xml")),
    "application/x-ole-storage": frozenset(
        ("application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint")
    ),
    "application/zip": frozenset(
        (
            *(f"{_OFFICE}{kind}" for kind in ("presentationml.presentation", "spreadsheetml.sheet")),
            f"{_OFFICE}wordprocessingml.document",
            *(f"{_OPEN}{kind}" for kind in ("presentation", "spreadsheet", "text")),
            *("application/epub+zip", "application/x-zip-compressed"),
        )
    ),
    "audio/aac": frozenset(("audio/aacp", "audio/x-aac")),
    "audio/flac": frozenset(("audio/x-flac",)),
    "audio/mp4": frozenset(("audio/m4a", "audio/x-m4a", "video/mp4")),
    "audio/mpeg": frozenset(("audio/mp3", "audio/x-mp3", "audio/x-mpeg")),
    "audio/ogg": frozenset(("application/ogg", "audio/opus", "video/ogg")),
    "audio/wav": frozenset(("audio/vnd.wave", "audio/wave", "audio/x-wav")),
    "image/avif": frozenset(("image/avif-sequence",)),
    "image/heic": frozenset(("image/heic-sequence", "image/heif", "image/heif-sequence")),
    "image/jpeg": frozenset(("image/jpg", "image/pjpeg")),
    "image/png": frozenset(("image/apng", "image/x-png")),
    "video/mp4": frozenset(("audio/m4a", "audio/mp4", "audio/x-m4a", "video/quicktime", "video/x-m4v")),
    "video/quicktime": frozenset(("video/mp4",)),
    "video/webm": frozenset(("audio/webm", "audio/x-matroska", "video/x-matroska")),
    "video/x-msvideo": frozenset(("video/avi", "video/msvideo")),
}
_FIRM: Final = frozenset(  # types whose bytes always begin as is said above
    (
        *(name for _, _, name in SIGNATURES),
        *(name for _, name in _BRANDS),
        *("audio/mpeg", "video/mp4", "audio/aac"),
        *(other for name, others in _NAMES.items() if name != "application/xml" for other in others),
    )
)
_TEXTUAL: Final = frozenset(("application/xml", "image/svg+xml", "text/html"))
KNOWN: Final = _FIRM | frozenset(
    (
        *_NAMES,
        *("audio/*", "image/*", "video/*"),
        *(name for _, name in _MARKUP),
        *("application/json", "text/csv", "text/markdown", "text/plain"),
    )
)


def start_of(value: str) -> int:
    """Where the base64 begins, of a `data:` URL; 0 of what is none."""
    return value.find(",") + 1 if value[:5].lower() == "data:" else 0


def size_of(value: str) -> int:
    """How many bytes base64 stands for, by its length."""
    padding = 2 if value.endswith("==") else 1 if value.endswith("=") else 0
    return max(0, len(value) - start_of(value) - padding) * 3 // 4


def is_base64(value: str) -> bool:
    """Whether it is what it has to be, as far as its beginning tells. A lenient decoder passes over other characters,
    and sees something else than is looked at here."""
    start = start_of(value)
    return _BASE64.fullmatch(value[start : start + _PREFIX]) is not None


def is_encoded(value: str) -> bool:
    """Whether it is media rather than a word."""
    return len(value) - start_of(value) >= _LEAST and is_base64(value)


def sniff(value: str | bytes) -> str:
    """The media type of what is there in base64, or as it is; empty if it is of no known one."""
    if isinstance(value, bytes):
        return "" if _MAY_SHOW.match(value) is None else type_of(value[:HEAD])
    start = start_of(value)
    head = value[start : start + _PREFIX]
    if _BASE64.fullmatch(head) is None:
        return ""
    plain = head.translate(_URL_SAFE).rstrip("=")
    whole = len(plain) // 4 * 4 if len(plain) % 4 == 1 else len(plain)
    return type_of(binascii.a2b_base64(plain[:whole] + "=" * (-whole % 4)))


def type_of(head: bytes) -> str:
    for offset, signature, name in SIGNATURES:
        if head.startswith(signature, offset) and (name not in _IN_RIFF or head.startswith(b"RIFF")):
            return name
    if head[4:8] == b"ftyp":
        return next((name for brand, name in _BRANDS if head.startswith(brand, 8)), "video/mp4")
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        frame = _of_frame(head)
        if frame:
            return frame
    text = head.translate(None, b"\xef\xbb\xbf\xfe\xff\0").lstrip().lower()  # in UTF-8 or UTF-16, however marked
    return next((name for mark, name in _MARKUP if text.startswith(mark)), "")


def _of_frame(head: bytes) -> str:
    """A frame of sound: its layer, its rates, none of them one that is reserved."""
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    sound = (
        head[1] & 0x18 != 0x08
        and head[1] & 0x06 in (2, 4)
        and head[2] & 0xF0 not in (0, 0xF0)
        and head[2] & 0x0C != 0x0C
    )
    return "audio/mpeg" if sound else ""


def names_of(found: str) -> frozenset[str]:
    """Every name that fits a type that was found."""
    return _NAMES.get(found, frozenset()) | {found}


def fits(declared: str, found: str) -> bool:
    """Whether bytes of the type that was found (empty: of none that is known) may be called `declared`, a type or, as
    `image/*`, a family of them."""
    if declared.endswith("/*"):
        return not found or any(name.startswith(declared[:-1]) for name in names_of(found))
    if not found:
        return declared not in _FIRM
    if found == "application/zip" and declared.startswith((_OFFICE, _OPEN)):
        return True
    if found in _TEXTUAL and (declared.startswith("text/") or declared.endswith("+xml")):
        return True
    return declared in names_of(found)


def told(declared: str) -> str:
    """A caller's word for a media type as it may stand on a record: what is not known is `other`."""
    return declared if not declared or declared in KNOWN else "other"
