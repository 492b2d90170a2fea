import base64
import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.sniffing import KNOWN, SIGNATURES, fits, is_encoded, names_of, size_of, sniff, told, type_of


def sound() -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 50)
    return written.getvalue()


MEDIA = [
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
    (b"GIF89a\1\0", "image/gif"),
    (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
    (sound(), "audio/wav"),
    (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
    (b"ID3\4\0\0\0\0\0\0", "audio/mpeg"),
    (b"\xff\xfb\x90\x64\0\0", "audio/mpeg"),
    (b"\xff\xf1\x50\x80\0\0", "audio/aac"),
    (b"OggS\0\2", "audio/ogg"),
    (b"fLaC\0\0\0\x22", "audio/flac"),
    (b"\x1aE\xdf\xa3\1\0", "video/webm"),
    (b"\0\0\0\x20ftypisom\0\0\2\0", "video/mp4"),
    (b"\0\0\0\x20ftypM4A \0\0\2\0", "audio/mp4"),
    (b"\0\0\0\x20ftypheic\0\0\2\0", "image/heic"),
    (b"\0\0\0\x20ftypqt  \0\0\2\0", "video/quicktime"),
    (b"%PDF-1.7\n", "application/pdf"),
    (b"PK\3\4\x14\0", "application/zip"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'>", "image/svg+xml"),
    (b"\xef\xbb\xbf \n<?XML version='1.0'?>", "application/xml"),
    (b"<!DOCTYPE html><p>", "text/html"),
    (b"<!-- a picture --><svg>", "text/html"),
    (b"<!DOCTYPE svg PUBLIC>", "image/svg+xml"),
    (b"<!DOCTYPE MPD>", "application/xml"),
    (b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>", "application/dash+xml"),
    (b"push graphic-context\nviewbox 0 0 1 1", "image/x-mvg"),
    (b"\xff\xfe" + "<svg xmlns".encode("utf-16-le"), "image/svg+xml"),
    (b"\xfe\xff" + "<?xml version".encode("utf-16-be"), "application/xml"),
    ("#EXTM3U".encode("utf-16-le"), "application/vnd.apple.mpegurl"),
    (b"ffconcat version 1.0\nfile 'http://a/'", "application/x-ffconcat"),
    (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1", "application/sdp"),
    (b"#EXTM3U\nhttp://169.254.169.254/", "application/vnd.apple.mpegurl"),
]


@pytest.mark.parametrize(("head", "name"), MEDIA)
def test_media_are_known_by_their_first_bytes_however_they_are_encoded(head: bytes, name: str) -> None:
    plain = base64.b64encode(head).decode()
    assert sniff(plain) == name
    assert sniff(base64.urlsafe_b64encode(head).decode().rstrip("=")) == name
    assert sniff(f"data:whatever/else;charset=x;base64,{plain}") == name
    assert sniff(f"data:whatever/else;x={'y' * 1000};base64,{plain}") == name
    assert sniff("\r\n".join([plain[:10], plain[10:]])) == name


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0",
        b"hello, world",
        b"RIFF\0\0\0\0",
        b"WEBP",
        b"\xff",
        b"\xff\xfe\x68\0i\0",
        b"\xff\xff\xff\xff",
        b"ftyp",
    ],
)
def test_what_begins_like_nothing_that_is_known_is_of_no_type(head: bytes) -> None:
    assert type_of(head) == ""


@pytest.mark.parametrize("value", ["", "a word", "https://example.com/a.png", "iVBORw0KGgo!", "//see here", "data:,x"])
def test_what_is_not_base64_from_its_first_character_on_is_not_looked_at(value: str) -> None:
    assert sniff(value) == ""
    assert not is_encoded(value)


@given(st.binary(max_size=300))
def test_only_the_beginning_counts_and_the_size_is_that_of_the_bytes(content: bytes) -> None:
    encoded = base64.b64encode(content).decode()
    assert size_of(encoded) == size_of(f"data:image/png;base64,{encoded}") == len(content)
    assert size_of(encoded.rstrip("=")) == len(content)
    assert sniff(encoded) == type_of(content[:66])
    if len(encoded) >= 88:
        assert sniff(encoded[:88] + "!" * 1000) == type_of(content[:66])


@given(st.text(max_size=200))
def test_any_string_has_a_type_and_a_size(value: str) -> None:
    assert sniff(value) in {"", *KNOWN}
    assert size_of(value) >= 0
    assert is_encoded(value) in (True, False)


@pytest.mark.parametrize(("head", "name"), MEDIA)
def test_a_type_fits_what_bears_its_name_and_nothing_of_another_kind(head: bytes, name: str) -> None:
    found = type_of(head)
    assert all(fits(each, found) for each in names_of(found))
    assert not fits("image/bmp", found)
    assert fits("image/png", found) == (name == "image/png")


@pytest.mark.parametrize(
    ("declared", "found", "fitting"),
    [
        ("audio/ogg", "audio/ogg", True),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip", True),
        ("text/plain", "text/html", True),
        ("text/plain", "application/pdf", False),
        ("text/plain", "application/vnd.apple.mpegurl", False),
        ("video/mp4", "application/vnd.apple.mpegurl", False),
        ("image/png", "image/svg+xml", False),
        ("image/png", "", False),
        ("text/plain", "", True),
        ("text/csv", "", True),
        ("audio/x-own", "", True),
        ("audio/x-own", "audio/wav", False),
        ("application/pdf", "", False),
    ],
)
def test_a_declared_type_is_contradicted_by_bytes_of_another_or_by_the_lack_of_its_own(
    declared: str, found: str, fitting: bool
) -> None:
    assert fits(declared, found) == fitting


def test_a_type_that_a_caller_made_up_is_not_repeated() -> None:
    assert [told(each) for each in ("", "image/png", "image/bobs-secret", "x" * 500)] == [
        "",
        "image/png",
        "other",
        "other",
    ]


@pytest.mark.parametrize(("value", "encoded"), [("A" * 24, True), ("A" * 23, False), ("a word " * 9, False)])
def test_a_word_is_not_taken_for_media(value: str, encoded: bool) -> None:
    assert is_encoded(value) == encoded


HEADS = st.one_of(
    st.binary(max_size=80),
    st.tuples(st.binary(max_size=8), st.sampled_from([mark for _, mark, _ in SIGNATURES]), st.binary()).map(b"".join),
    st.tuples(
        st.sampled_from([b"", b" \n", b"\xef\xbb\xbf", b"\xff\xfe"]),
        st.sampled_from([b"<sVg", b"#EXTM3U", b"<!DOCTYPE x", b"<\0s\0v\0g\0", b"viewbox 0", b"v=0\n"]),
        st.binary(),
    ).map(b"".join),
    st.tuples(st.binary(min_size=4, max_size=4), st.sampled_from([b"ftyp", b"moov"]), st.binary()).map(b"".join),
)


@given(HEADS)
def test_bytes_show_what_their_base64_shows(head: bytes) -> None:
    assert sniff(head) == type_of(head[:66])
