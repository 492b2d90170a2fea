import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.problem import MOST_TOLD, Path, Problem, Told, bounded, dotted, quote, unknown


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


def test_the_first_problems_are_told_and_the_rest_is_counted() -> None:
    told = Told("f")
    for line in range(1, 40_001):
        told.tell(line, ("policies", line), "wrong")
    assert told.full
    assert (len(told.problems), told.more) == (MOST_TOLD, 40_000 - MOST_TOLD)
    *shown, rest = bounded("f", told.problems, told.more)
    assert [problem.line for problem in shown] == list(range(1, MOST_TOLD + 1))
    assert str(rest) == "f: and 39900 more"
    assert sum(problem.count for problem in (*shown, rest)) == 40_000


def test_a_few_problems_are_told_in_the_order_of_their_lines() -> None:
    problems = [Problem("f", line, "", "wrong") for line in (3, 1, 2)]
    assert [problem.line for problem in bounded("f", problems)] == [1, 2, 3]


def test_what_was_not_looked_for_is_not_counted_as_if_it_had_been() -> None:
    problems = [Problem("f", line, "", "wrong") for line in range(MOST_TOLD + 1)]
    assert str(bounded("f", problems, at_least=True)[-1]) == "f: and 1 more, at least"


def test_of_very_many_known_words_the_near_one_is_still_found() -> None:
    known = [f"model-{number}" for number in range(20_000)] + ["llama"]
    assert 'did you mean "llama"?' in unknown("model", "lama", known)
    assert "did you mean" not in unknown("model", "xyz", known)
