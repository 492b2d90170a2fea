import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.source import MOST_BYTES, Broken, Entry, Listing, Scalar, Table, line_of, parse


def told(text: str | bytes) -> list[str]:
    content = text if isinstance(text, bytes) else text.encode()
    return [str(problem) for problem in parse(content, "f").problems]


def value(text: str) -> object:
    node = parse(text.encode(), "f").root
    assert isinstance(node, Scalar)
    return node.value


def test_every_node_knows_its_line() -> None:
    source = parse(b"a: 1\nb:\n  - x\n  - {c: y}\n", "f")
    assert source.problems == ()
    assert source.root == Table(
        {
            "a": Entry(Scalar(1, 1), 1),
            "b": Entry(Listing((Scalar("x", 3), Table({"c": Entry(Scalar("y", 4), 4)}, 4)), 3), 2),
        },
        1,
    )


def test_a_path_has_the_line_of_its_key_or_of_what_is_nearest_above() -> None:
    root = parse(b"a: 1\nb:\n  - x\n  - c:\n      y\n", "f").root
    assert line_of(root, ("b", 1, "c")) == 4
    assert line_of(root, ("b", 1, "missing", 3)) == 4
    assert line_of(root, ("b", 7)) == 2
    assert line_of(root, ("z",)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("1.5", 1.5),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n 12", "12"),
        ("no", "no"),
        ("on", "on"),
        ("True", "True"),
        ("012", "012"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        (".inf", ".inf"),
        ("1e3", "1e3"),
        ("<<", "<<"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_scalar_is_what_it_looks_like(text: str, expected: object) -> None:
    read = value(text)
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "f:1: the file is empty"),
        (b"a: \xff\n", "f:1: cannot be read: not UTF-8"),
        (b"a: 1\nb: \x07\n", "f:2: cannot be read: a character that YAML does not allow"),
        (b'a: 1\nb: "\\U00110000"\n', "f:2: cannot be read: an escape that names no character"),
        (b'a: "\\ud800"\n', "f:1: a: holds half of a surrogate pair, which is no character"),
        (
            b"a: [\n",
            "f:2: cannot be read: the file ends inside brackets",
        ),
        (b"a:\n\tb: 1\n", "f:2: cannot be read: a tab stands where blanks must indent"),
        (b"a: 1\n---\nb: 2\n", "f:2: a second document begins here; there is one per file"),
        (b"a: &x 1\n", "f:1: a: anchors are not used here"),
        (b"a: 1\nb: *x\n", "f:2: b: aliases are not used here; if an asterisk is meant, put the value in quotes"),
        (b"a: !!str 1\n", "f:1: a: tags are not used here"),
        (b"a: 1\na: 2\n", 'f:2: the key "a" stands here again, after line 1'),
        (b"1: x\n", "f:1: a key must be text; put it in quotes"),
        (b"? [a, b]\n: x\n", "f:1: a key must be text; put it in quotes"),
        (b"a: " + b"[" * 400 + b"]" * 400, "f:1: cannot be read: nested too deeply"),
        (b"#" * (MOST_BYTES + 1), "f: cannot be read: larger than 512 KiB, which is all that is taken"),
    ],
)
def test_what_is_not_taken_is_told_with_its_line(content: bytes, message: str) -> None:
    assert told(content) == [message]


def test_one_mistake_does_not_hide_another() -> None:
    assert len(told("a: &x 1\nb: !t 2\nc: *x\nd: 4\nd: 5\n")) == 4


def test_what_was_refused_is_broken_and_not_a_value() -> None:
    root = parse(b"a: &x 1\nb: 2\n", "f").root
    assert isinstance(root, Table)
    assert root.entries["a"].node == Broken(1)
    assert root.entries["b"].node == Scalar(2, 2)


def test_the_first_of_two_equal_keys_stands() -> None:
    root = parse(b"a: 1\na: 2\n", "f").root
    assert isinstance(root, Table)
    assert root.entries["a"].node == Scalar(1, 1)


def test_a_byte_order_mark_is_no_content() -> None:
    assert parse(b"\xef\xbb\xbfa: 1\n", "f").root == parse(b"a: 1\n", "f").root


FRAGMENTS = [
    "a",
    ": ",
    "- ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&x ",
    "*x",
    "!t ",
    "|",
    ">",
    "'",
    '"',
    "\\",
    "#",
    "?",
]
FRAGMENTS += [
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "%TAG ! x\n",
    "\t",
    "<<",
    "\N{SNOWMAN}",
    "\\U",
    "\\x",
    "1",
    "~",
    "@",
    "`",
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join) | st.text(max_size=80))
def test_no_text_raises_and_a_broken_tree_has_a_reason(text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    source = parse(content, "f")
    assert source.problems or not isinstance(source.root, Broken)
    assert all(
        0 <= problem.line <= text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + 2
        for problem in source.problems
    )


@given(st.binary(max_size=60))
def test_no_bytes_raise(content: bytes) -> None:
    parse(content, "f")


def test_a_text_is_read_up_to_its_bound_and_refused_beyond_it_without_a_look() -> None:
    longest = b"a: 1 #" + b"x" * (MOST_BYTES - 6)
    assert told(longest) == []
    assert told(longest + b"\xff") == ["f: cannot be read: larger than 512 KiB, which is all that is taken"]
