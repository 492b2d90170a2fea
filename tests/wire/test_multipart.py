"""Forms: one reading or none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.wire.multipart import MOST_PARTS, boundary_of, parts_of

DISPOSITION = b'Content-Disposition: form-data; name="a"'


def form(*parts: bytes, boundary: bytes = b"xyz") -> bytes:
    return b"".join([b"--%b\r\n%b\r\n" % (boundary, part) for part in parts]) + b"--%b--\r\n" % boundary


def part(content: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([*(fields or (DISPOSITION,)), b"", content])


def read(body: bytes) -> list[tuple[str, bytes, bool]] | str:
    found = parts_of(body, b"xyz")
    return found if isinstance(found, str) else [(one.name, bytes(one.content), one.is_file) for one in found]


def test_a_form_is_read() -> None:
    file = part(
        b"1\r\n2\n", b'content-disposition: form-data; name="f"; filename="a b.txt"', b"content-type: text/plain"
    )
    assert read(form(part(b"value"), file)) == [("a", b"value", False), ("f", b"1\r\n2\n", True)]


@pytest.mark.parametrize(
    ("stated", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'Multipart/Form-Data;boundary="a=b:c"', b"a=b:c"),
        (
            b"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            b"----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
    ],
)
def test_a_boundary_is_found(stated: bytes, boundary: bytes) -> None:
    assert boundary_of(stated) == boundary


@pytest.mark.parametrize(
    "stated",
    [
        *(
            b"",
            b"application/json",
            b"multipart/form-data",
            b"multipart/form-data; boundary=",
            b"multipart/mixed; boundary=a",
        ),
        *(
            b'multipart/form-data; boundary=""',
            b'multipart/form-data; boundary="a b"',
            b"multipart/form-data; boundary=a b",
        ),
        *(b"multipart/form-data; boundary=a; boundary=b", b"multipart/form-data; charset=utf-8; boundary=a"),
        *(
            b"multipart/form-data; boundary=" + b"a" * 71,
            b'multipart/form-data; boundary="a\\"b"',
            b"multipart/form-data, x",
        ),
        *(b"multipart/form-data; boundary=a, multipart/form-data; boundary=b", b'multipart/form-data; boundary="a'),
    ],
)
def test_a_boundary_that_could_be_taken_for_another_is_none(stated: bytes) -> None:
    assert boundary_of(stated) is None


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"--xyz", b"--xyz--", b"--xyz--\r\n", b"\r\n" + form(part(b"1")), b"preamble\r\n" + form(part(b"1"))),
        *(form(part(b"1")) + b"epilogue", form(part(b"1"))[:-4], form(part(b"1"))[:-8], form(part(b"1")) + b"\r\n"),
        *(form(part(b"1\r\n--xyz \r\n2")), form(part(b"1\r\n--xyzw\r\n2")), form(part(b"1\r\n--xyz\n2"))),
        *(form(b"no head at all"), form(b""), form(b"\r\n"), form(b"\r\n\r\nheadless")),
        form(part(b"1", b"Content-Type: text/plain")),
        form(part(b"1", DISPOSITION, DISPOSITION)),
        form(part(b"1", DISPOSITION, b"Content-Transfer-Encoding: base64")),
        form(part(b"1", DISPOSITION, b"Content-Type: multipart/mixed; boundary=q")),
        form(part(b"1", DISPOSITION, b"Content-Type: message/rfc822")),
        form(part(b"1", DISPOSITION, b"Content-Length: 2")),
        form(part(b"1", DISPOSITION, b" folded: x")),
        form(part(b"1", DISPOSITION, b"X-Other: x")),
        form(part(b"1", b"Content-Disposition : form-data; name=a")),
        form(part(b"1", b"Content-Disposition: form-data")),
        form(part(b"1", b"Content-Disposition: attachment; name=a")),
        form(part(b"1", b'Content-Disposition: form-data; name="a"; name="b"')),
        form(part(b"1", b'Content-Disposition: form-data; name="a"; NAME="b"')),
        form(part(b"1", b'Content-Disposition: form-data; name="a\\"; x="b"')),
        form(part(b"1", b'Content-Disposition: form-data; name="a')),
        form(part(b"1", b'Content-Disposition: form-data; name="a"; size=7')),
        form(part(b"1", b'Content-Disposition: form-data; name="\xc3\xa4"')),
        form(part(b"1", b"Content-Disposition: form-data; filename=a")),
        form(part(b"1", b"Content-Disposition: form-data; name=a\nx: y")),
        form(part(b"1", b"Content-Disposition: form-data; name=a\x00")),
        form(part(b"1", DISPOSITION, b"Content-Type: " + b"a" * 3000)),
        form(*[part(b"1")] * (MOST_PARTS + 1)),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(body: bytes) -> None:
    assert isinstance(read(body), str)


CONTENTS = st.binary(max_size=60).filter(lambda content: b"\r\n--xyz" not in content)


@given(st.lists(CONTENTS, min_size=1, max_size=MOST_PARTS))
def test_whatever_a_form_holds_is_read_back(contents: list[bytes]) -> None:
    assert read(form(*map(part, contents))) == [("a", content, False) for content in contents]


@given(st.lists(st.sampled_from([b"--xyz", b"\r\n", b"--", b"\n", b"x", DISPOSITION, b"\r\n\r\n", b" "]), max_size=24))
def test_no_pieces_of_a_form_break_the_reader(pieces: list[bytes]) -> None:
    found = read(b"".join(pieces))
    if not isinstance(found, str):  # then it is exactly the form that one would write of it
        assert re.fullmatch(rb"--xyz\r\n.*\r\n--xyz--(?:\r\n)?", b"".join(pieces), re.DOTALL)
        assert all(b"\r\n--xyz" not in content for _, content, _ in found)
        rest = b"".join(pieces).removesuffix(b"\r\n").removesuffix(b"--")
        assert rest.count(b"--xyz") == len(found) + 1 + sum(content.count(b"--xyz") for _, content, _ in found)
