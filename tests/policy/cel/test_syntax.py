import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.cel.syntax import (
    Binary,
    Call,
    Choice,
    Index,
    Many,
    Member,
    Name,
    Node,
    Unary,
    Value,
    WrongError,
    parse,
)

A, B, C = Name("a"), Name("b"), Name("c")


@pytest.mark.parametrize(
    ("source", "node"),
    [
        ("a", A),
        ("1", Value(1)),
        ("0x1F", Value(31)),
        ("1.5", Value(1.5)),
        ("true", Value(True)),
        ("'it\\'s'", Value("it's")),
        ('"a\\n\\\\"', Value("a\n\\")),
        ("a || b && c", Binary("||", A, Binary("&&", B, C))),
        ("a + b * c", Binary("+", A, Binary("*", B, C))),
        ("a - b - c", Binary("-", Binary("-", A, B), C)),
        ("(a - b) == c", Binary("==", Binary("-", A, B), C)),
        ("!a.b", Unary("!", Member(A, "b"))),
        ("- -a", Unary("-", Unary("-", A))),
        ("a ? b : c", Choice(A, B, C)),
        ("a ? b : c ? a : b", Choice(A, B, Choice(C, A, B))),
        ("a[1].b('x', c)", Call(Index(A, Value(1)), "b", (Value("x"), C))),
        ("a in [b, c]", Binary("in", A, Many((B, C)))),
        ("size(a)", Call(None, "size", (A,))),
        ("a\n&&\tb", Binary("&&", A, B)),
        ("'&&' == a", Binary("==", Value("&&"), A)),
    ],
)
def test_a_source_has_one_reading(source: str, node: Node) -> None:
    assert parse(source) == node


@pytest.mark.parametrize(
    "source",
    [
        *(
            "",
            " ",
            "a b",
            "a &&",
            "&& a",
            "(a",
            "a)",
            "a.",
            "a.1",
            "[a",
            "a[",
            "f(a",
            "f(a,)",
            "'open",
            "a = b",
            "a & b",
        ),
        *("{}", "1u", "1a", "b'x'", "in", "a in", "'a\nb'", "a ? b", "'\\x41'"),
        *("a" * 1001, "(" * 40 + "a" + ")" * 40, "!" * 40),
    ],
)
def test_what_is_no_expression_is_refused(source: str) -> None:
    with pytest.raises(WrongError):
        parse(source)


pieces = st.sampled_from(
    [
        "a",
        "risk",
        "1",
        "1.5",
        "'x'",
        "true",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "==",
        "in",
        "(",
        ")",
        "[",
        "]",
        ".",
        ",",
        "?",
        ":",
    ]
)


@given(st.lists(pieces, max_size=30).map(" ".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        node = parse(source)
    except WrongError:
        return
    assert isinstance(node, Node)
