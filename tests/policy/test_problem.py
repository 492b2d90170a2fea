import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.problem import Path, Problem, dotted, quote, unknown


def test_a_problem_is_one_line_with_its_place() -> None:
    problem = Problem("guardhouse.yaml", 12, "policies[0].may[1]", 'unknown operation "chatt"; did you mean "chat"?')
    expected = 'guardhouse.yaml:12: policies[0].may[1]: unknown operation "chatt"; did you mean "chat"?'
    assert str(problem) == expected


def test_a_problem_of_the_whole_file_has_neither_line_nor_path() -> None:
    assert str(Problem("f", 0, "", "is missing")) == "f: is missing"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("listen", "tls", "key"), "listen.tls.key"),
        (("policies", 0, "may", 1), "policies[0].may[1]"),
        (("models", "llama-3", "name"), "models.llama-3.name"),
        (("models", "llama-3.1", "name"), 'models["llama-3.1"].name'),
        (("models", 'a"b'), 'models["a\\"b"]'),
    ],
)
def test_paths_are_dotted(path: Path, text: str) -> None:
    assert dotted(path) == text


def test_an_unknown_word_comes_with_the_nearest_or_with_all() -> None:
    assert unknown("word", "chatt", ["chat", "embeddings"]) == 'unknown word "chatt"; did you mean "chat"?'
    assert unknown("word", "zzz", ["b", "a"]) == 'unknown word "zzz"; known: a, b'
    assert unknown("word", "zzz", []) == 'unknown word "zzz"'
    assert unknown("word", "zzz", [f"n{number}" for number in range(50)]) == 'unknown word "zzz"'


@given(st.text(max_size=200))
def test_a_quoted_value_stays_on_one_short_line(value: str) -> None:
    shown = quote(value)
    assert shown.isprintable()
    assert len(shown) <= 2 * 48 + 3
