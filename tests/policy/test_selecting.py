from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.document import ModelEntry
from guardhouse.policy.selecting import is_name, matched, selected

MODELS = {
    "llama-8b": ModelEntry(targets=("t",), version="3.1", tags=("open", "small")),
    "llama-70b": ModelEntry(targets=("t",), version="3.3", tags=("open",)),
    "llama-2": ModelEntry(targets=("t",), version="2"),
    "qwen": ModelEntry(targets=("t",)),
    "pinned@3.1": ModelEntry(targets=("t",)),
}


def test_a_pattern_without_an_at_is_held_against_names_only() -> None:
    assert selected("llama-*", MODELS) == {"llama-8b", "llama-70b", "llama-2"}
    assert selected("*3.1", MODELS) == {"pinned@3.1"}
    assert selected("3.1", MODELS) == set()


def test_a_pattern_with_an_at_speaks_of_versions() -> None:
    assert selected("llama-*@3.*", MODELS) == {"llama-8b", "llama-70b"}
    assert selected("llama-8b@3.1", MODELS) == {"llama-8b"}
    assert selected("llama-8b@3.2", MODELS) == set()
    assert selected("*@*", MODELS) == {"llama-8b", "llama-70b", "llama-2", "pinned@3.1"}


def test_a_model_without_a_version_is_in_no_version() -> None:
    assert selected("qwen@*", MODELS) == set()


def test_a_model_whose_name_has_an_at_is_meant_by_its_name() -> None:
    assert selected("pinned@3.1", MODELS) == {"pinned@3.1"}


def test_a_tag_means_every_model_that_has_it_and_no_pattern() -> None:
    assert selected("tag:open", MODELS) == {"llama-8b", "llama-70b"}
    assert selected("tag:op*", MODELS) == set()
    assert selected("tag:", MODELS) == set()


def test_only_a_plain_word_is_a_name() -> None:
    assert is_name("qwen")
    assert not any(is_name(pattern) for pattern in ("q*", "qw?n", "tag:open", "llama@3"))


names = st.text(st.sampled_from("ab-."), min_size=1, max_size=6)


@given(st.text(st.sampled_from("ab-.*?"), min_size=1, max_size=8), st.sets(names, max_size=6))
def test_a_pattern_means_what_its_two_wild_characters_say(glob: str, names: set[str]) -> None:
    def means(glob: str, name: str) -> bool:
        if not glob:
            return not name
        if glob[0] == "*":
            return means(glob[1:], name) or (bool(name) and means(glob, name[1:]))
        return bool(name) and glob[0] in {"?", name[0]} and means(glob[1:], name[1:])

    assert matched(glob, names) == {name for name in names if means(glob, name)}


def test_a_pattern_of_many_stars_is_cheap() -> None:
    assert matched("*a" * 60 + "b", {"a" * 128}) == set()
