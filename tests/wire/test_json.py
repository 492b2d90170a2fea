"""Strict JSON: the corpus says what is refused and why, a slow reading says whether the fast one is right."""

import ast
import json as slow_json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire import json

CORPUS = Path(__file__).parent.parent / "corpus" / "json"


def spelled(expression: str) -> bytes:
    """`b'[' * 3 + b']'`: products and sums of literals, and nothing else."""

    def value(node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        assert isinstance(node, ast.BinOp)
        left, right = value(node.left), value(node.right)
        return left * right if isinstance(node.op, ast.Mult) else left + right

    result = value(ast.parse(expression, mode="eval").body)
    assert isinstance(result, bytes)
    return result


def cases(name: str, columns: int) -> list[Any]:
    lines = (CORPUS / name).read_text().splitlines()
    rows = [line.split(": ", columns - 1) for line in lines if not line.startswith("#")]
    return [pytest.param(*row[:-1], spelled(row[-1]), id=" ".join(row[:-1])) for row in rows]


def refused(body: bytes | bytearray) -> Denial:
    decoded = json.decode(body)
    assert isinstance(decoded, Denial)
    return decoded


def has_repeated_key(body: str) -> bool:
    repeated = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated |= len({key for key, _ in pairs}) != len(pairs)

    slow_json.loads(body, object_pairs_hook=look)
    return repeated


@pytest.mark.parametrize(("name", "body"), cases("accepted.txt", 2))
def test_a_document_everybody_reads_alike_is_accepted_with_its_value(name: str, body: bytes) -> None:
    decoded = json.decode(body)
    assert not isinstance(decoded, Denial), decoded
    document, canonical = decoded
    assert document == slow_json.loads(body)
    assert json.decode(canonical) == (document, canonical)


@pytest.mark.parametrize(("reason", "name", "body"), cases("refused.txt", 3))
def test_a_doubtful_document_is_refused_for_the_narrowest_reason(reason: str, name: str, body: bytes) -> None:
    assert refused(body).reason.code == reason
    if reason != Reason.JSON_TOO_DEEP.code:  # answers have no limit of depth
        assert json.decode_answer(body) is None
    assert json.decode_quietly(body) is None


@pytest.mark.parametrize(("body", "at"), [(b"[1,]", 3), (b'{"a" 1}', 5), ('["é€😀"x]'.encode(), 12), (b"tru", 0)])
def test_a_malformed_body_is_told_where(body: bytes, at: int) -> None:
    assert refused(body).detail == f"The first error is at byte {at}."


def test_a_denial_does_not_repeat_the_body() -> None:
    for body in (b'{"secret-word":1,"secret-word":2}', b'["secret-word"x]', b'{"secret-word":NaN}'):
        assert "secret-word" not in repr(refused(body))


def test_integers_keep_every_digit() -> None:
    digits = b"1234567890" * 20
    decoded = json.decode(b"[" + digits + b"]")
    assert not isinstance(decoded, Denial)
    assert decoded[1] == b"[" + digits + b"]"


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_any_depth_is_answered_without_an_exception(opening: bytes) -> None:
    for depth in (500, 990, 1000, 100_000):
        assert refused(opening * depth).reason in (Reason.JSON_TOO_DEEP, Reason.JSON_MALFORMED)
        closed = (
            opening * depth + b"1" + b"".join({0x5B: b"]", 0x7B: b"}"}.get(c, b"") for c in reversed(opening)) * depth
        )
        assert refused(closed).reason is Reason.JSON_TOO_DEEP


def test_depth_is_found_in_large_documents_of_few_brackets() -> None:
    padding = b'"' + b"x" * 5000 + b'",'
    assert not isinstance(json.decode(b"[" + padding + b"[" * 63 + b"]" * 64), Denial)
    assert refused(b"[" + padding + b"[" * 64 + b"]" * 65).reason is Reason.JSON_TOO_DEEP
    assert refused(b"[" + padding + b'{"a":' * 64 + b"1" + b"}" * 64 + b"]").reason is Reason.JSON_TOO_DEEP


def test_a_deep_value_under_a_repeated_key_is_refused() -> None:
    deep = b"[" * 990 + b"]" * 990
    assert refused(b'{"a":' + deep + b',"a":1}').reason in (Reason.JSON_TOO_DEEP, Reason.JSON_DUPLICATE_KEY)


def test_a_body_may_be_a_bytearray() -> None:
    assert json.decode(bytearray(b'{ "a":1}')) == ({"a": 1}, b'{"a":1}')
    assert refused(bytearray(b"[1,]")).reason is Reason.JSON_MALFORMED


def test_an_answer_is_read_as_strictly() -> None:
    assert json.decode_answer(b'{"a": 1}') == ({"a": 1}, b'{"a":1}')
    assert json.decode_answer(b'{"a": 1, "a": 2}') is None
    assert json.decode_answer(b'{"a\\u003a": 1, "b": 2}') == ({"a:": 1, "b": 2}, b'{"a:":1,"b":2}')
    assert json.decode_answer(b'{"a\\u003a": 1, "a:": 2}') is None
    assert json.decode_quietly(b'{"a": 1}') == {"a": 1}


# few letters, so that keys meet; with the characters the colon argument is about
names = st.text(alphabet='ab:"\\u0é', max_size=3)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(names, inner), max_size=4).map(tuple),
    max_leaves=12,
)


@st.composite
def written(draw: st.DrawFn, document: Any) -> str:
    """The document as somebody may write it: objects from pairs, with spaces and escapes where they are allowed."""
    space = draw(st.sampled_from(["", " ", "\n"]))
    if isinstance(document, tuple):
        members = [f"{draw(quoted(key))}{space}:{space}{draw(written(value))}" for key, value in document]
        return "{" + f"{space},".join(members) + "}"
    if isinstance(document, list):
        return "[" + f",{space}".join([draw(written(entry)) for entry in document]) + "]"
    return draw(quoted(document)) if isinstance(document, str) else slow_json.dumps(document)


@st.composite
def quoted(draw: st.DrawFn, text: str) -> str:
    letters = []
    for letter in text:
        plain = slow_json.dumps(letter, ensure_ascii=False)[1:-1]
        letters.append(draw(st.sampled_from([plain, f"\\u{ord(letter):04x}", f"\\u{ord(letter):04X}"])))
    return f'"{"".join(letters)}"'


@given(documents.flatmap(written))
def test_repeated_keys_are_found_exactly_when_there_are_some(body: str) -> None:
    decoded = json.decode(body.encode())
    if has_repeated_key(body):
        assert isinstance(decoded, Denial)
        assert decoded.reason is Reason.JSON_DUPLICATE_KEY
    else:
        assert not isinstance(decoded, Denial)
        assert decoded[0] == slow_json.loads(body)
    assert (json.decode_answer(body.encode()) is None) == has_repeated_key(body)


@given(st.binary(max_size=40) | st.text(alphabet='[]{}",:\\u0dDcC8 1-.eE\n', max_size=30).map(str.encode))
def test_arbitrary_bytes_are_a_document_for_every_reader_or_for_none(body: bytes) -> None:
    decoded = json.decode(body)
    if isinstance(decoded, Denial):
        assert decoded.reason.status == 400
    else:
        assert slow_json.loads(body.decode()) == decoded[0]
        assert msgspec.json.decode(decoded[1]) == decoded[0]


@given(documents.flatmap(written), st.data())
def test_what_is_cut_or_spliced_is_refused_or_has_one_reading(body: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body)))
    broken = body[:at] + data.draw(st.sampled_from(["", ",", '"', "\\", "\\ud800", "NaN", "}"])) + body[at + 1 :]
    decoded = json.decode(broken.encode())
    if not isinstance(decoded, Denial):
        assert not has_repeated_key(broken)
        assert slow_json.loads(broken) == decoded[0]


@given(documents.flatmap(written))
def test_a_copy_says_the_same_and_nothing_that_is_done_to_it_reaches_the_document(body: str) -> None:
    document = slow_json.loads(body)
    again = json.copied(document)
    assert slow_json.dumps(again) == slow_json.dumps(document)
    emptied(again)
    assert slow_json.dumps(document) == slow_json.dumps(slow_json.loads(body))


def emptied(node: Any) -> None:
    """Every object and list below it, itself included."""
    if isinstance(node, dict | list):
        for value in list(node.values()) if isinstance(node, dict) else list(node):
            emptied(value)
        node.clear()


def parts_of(value: Any) -> tuple[int, int]:
    """Objects and strings, and lists."""
    if isinstance(value, str):
        return 1, 0
    below = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    found = [parts_of(each) for each in below]
    own = (int(isinstance(value, dict)), int(isinstance(value, list)))
    return own[0] + sum(each[0] for each in found), own[1] + sum(each[1] for each in found)


TANGLED = st.recursive(
    st.one_of(st.integers(0, 9), st.booleans(), st.text('ab{}[]",:\\\n é', max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text('a{["\\', max_size=3), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(TANGLED, st.integers(0, 40))
def test_parts_are_counted_exactly_whatever_strings_look_like(document: Any, most: int) -> None:
    parts, lists = parts_of(document)
    for body in (slow_json.dumps(document).encode(), slow_json.dumps(document, ensure_ascii=False, indent=1).encode()):
        found = json.decode(body, most)
        refused = isinstance(found, Denial) and found.reason is Reason.BODY_TOO_DIVIDED
        assert refused == (parts + lists // 4 > most)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b"[" + b",".join([b"{}"] * 1001) + b"]", True),
        (b"[" + b",".join([b"{}"] * 1000) + b"]", False),
        (b"[" + b",".join([b'"a"'] * 1001) + b"]", True),
        (b"[" + b",".join([b'"\\\\"'] * 1001) + b"]", True),  # a backslash each
        (b"[" + b",".join([b'"\\""'] * 1000) + b"]", False),
        (b"{" + b",".join([b'"%d":1' % number for number in range(1001)]) + b"}", True),
        (b'{"a":"' + b'{[\\"' * 9000 + b'"}', False),  # source code, as text
        (b"[" + b",".join([b"[1,2,3]"] * 3900) + b"]", False),
        (b"[" + b",".join([b"[]"] * 4100) + b"]", True),
        (b"[" + b",".join([b"123456"] * 90_000) + b"]", False),
        (b"[" + b",".join([b"{}"] * 1001), True),  # nor is what is no JSON read for long
    ],
)
def test_a_body_of_too_many_parts_is_refused_and_long_texts_and_numbers_are_none(body: bytes, refused: bool) -> None:
    found = json.decode(body, 1000)
    assert (isinstance(found, Denial) and found.reason is Reason.BODY_TOO_DIVIDED) == refused
