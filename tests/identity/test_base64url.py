"""One spelling for each sequence of bytes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.identity import base64url


@given(st.binary(max_size=60))
def test_what_was_encoded_is_decoded(content: bytes) -> None:
    assert base64url.decode(base64url.encode(content)) == content
    assert b"=" not in base64url.encode(content)


@given(st.binary(max_size=20))
def test_whatever_is_decoded_has_no_other_spelling(text: bytes) -> None:
    content = base64url.decode(text)
    assert content is None or base64url.encode(content) == text


@given(st.text("ABCDwxyz0189-_", max_size=12))
def test_nothing_is_refused_that_a_strict_reader_takes(text: str) -> None:
    padded = text + "=" * (-len(text) % 4)
    try:
        content = base64.b64decode(padded, altchars=b"-_", validate=True)
    except ValueError:
        assert base64url.decode(text.encode()) is None
        return
    canonical = base64.urlsafe_b64encode(content).rstrip(b"=") == text.encode()
    assert base64url.decode(text.encode()) == (content if canonical else None)


@pytest.mark.parametrize("text", [b"A", b"AB==", b"AB=", b"A+B/", b"AB\n", b" AB", b"AB.", b"AB\0", b"QQ\xff", b"QR"])
def test_other_spellings_are_refused(text: bytes) -> None:
    assert base64url.decode(text) is None
