import pytest

from guardhouse.policy.cel.syntax import WrongError, parse
from guardhouse.policy.cel.types import check

SCOPE = {
    "n": "int",
    "d": "double",
    "t": "text",
    "b": "bool",
    "at": "time",
    "words": "list(text)",
    "numbers": "list(int)",
    "table": "map(list(text))",
}


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("n + 1", "int"),
        ("n > 1.5", "bool"),
        ("d == n", "bool"),
        ("t + 'x'", "text"),
        ("-d", "double"),
        ("n % 2", "int"),
        ("words + ['x']", "list(text)"),
        ("words[0]", "text"),
        ("table['x'][0]", "text"),
        ("table.x", "list(text)"),
        ("t in words", "bool"),
        ("'x' in table", "bool"),
        ("b ? n : 2", "int"),
        ("has(table.x)", "bool"),
        ("size(t) + words.size() + size(table)", "int"),
        ("words.exists(w, w.startsWith(t))", "bool"),
        ("words.filter(w, w != t)", "list(text)"),
        ("words.map(w, size(w))", "list(int)"),
        ("table.all(key, key.endsWith('x'))", "bool"),
        ("table.x.exists_one(w, w.contains('x'))", "bool"),
        ("words.exists(w, numbers.exists(i, size(w) == i))", "bool"),
        ("at - timestamp('2026-01-01T00:00:00Z')", "duration"),
        ("at + duration('1h')", "time"),
        ("at.getHours()", "int"),
        ("string(n) + string(b)", "text"),
        ("double(n) / d", "double"),
        ("int(d)", "int"),
        ("t.matches('^a')", "bool"),
        ("!(b && n == 1 || t < 'x')", "bool"),
    ],
)
def test_what_fits_has_a_type(source: str, kind: str) -> None:
    assert check(parse(source), SCOPE) == kind


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("n == 'x'", "== does not go between int and text"),
        ("words == t", "== does not go between list(text) and text"),
        ("n in words", "in does not go between int and list(text)"),
        ("b < b", "< does not go between bool and bool"),
        ("n + t", "+ does not go between int and text"),
        ("n + d", "+ does not go between int and double"),
        ("t - t", "- does not go between text and text"),
        ("d % 2.0", "% does not go between double and double"),
        ("b && n", "&& does not go between bool and int"),
        ("!n", "! is for bool, not int"),
        ("-t", "- is for numbers, not text"),
        ("n ? 1 : 2", "what stands before ? is int, not bool"),
        ("b ? 1 : 'x'", "? yields int or text, which are different"),
        ("[1, 'x']", "a list holds both int and text"),
        ("[]", "an empty list has no use here"),
        ("wrods", 'unknown name "wrods"; did you mean "words"?'),
        ("t.x", 'text has no member "x"'),
        ("words['x']", "list(text) has no element at text"),
        ("n[0]", "int has no element at int"),
        ("has(t)", "has() takes one member, such as has(attributes.department)"),
        ("size(n)", "size() does not take int"),
        ("size()", "size() does not take nothing"),
        ("sizes(t)", 'unknown function "sizes"; did you mean "size"?'),
        ("t.contains(1)", "contains() does not take text, int"),
        ("contains(t, t)", "contains() does not take text, text"),
        ("at.getHours('UTC')", "getHours() does not take time, text"),
        ("t.matches(t)", "matches() takes a text that is written out"),
        ("timestamp(t)", "timestamp() takes a text that is written out"),
        ("n.exists(x, true)", "exists() is for lists and maps, not int"),
        ("words.exists(w)", "exists() takes a name and what is said of it"),
        ("words.exists('w', true)", "exists() takes a name and what is said of it"),
        ("words.exists(t, true)", '"t" has a meaning already; take another name in exists()'),
        ("words.exists(w, w)", "what exists() says of each is text, not bool"),
        ("words.exists(w, true) && w == 'x'", 'unknown name "w"; known: at, b, d, n, numbers, t, table, words'),
    ],
)
def test_what_does_not_fit_is_told(source: str, message: str) -> None:
    with pytest.raises(WrongError) as caught:
        check(parse(source), SCOPE)
    assert str(caught.value) == message
