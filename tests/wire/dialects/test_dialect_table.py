"""Which dialect refuses what is no route."""

import pytest

from guardhouse.wire.dialects.table import spoken_at


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/v2", "kserve"),
        (b"/v2/", "kserve"),
        (b"/v2/repository/index", "kserve"),
        (b"/v2x", "openai"),
        (b"/v22/models", "openai"),
        (b"/api", "ollama"),
        (b"/api/pull", "ollama"),
        (b"/apis", "openai"),
        (b"/v1/messages", "anthropic"),
        (b"/v1/messages/batches", "anthropic"),
        (b"/v1/messages2", "openai"),
        (b"/v1/files", "openai"),
        (b"/", "openai"),
        (b"", "openai"),
    ],
)
def test_the_prefix_tells(path: bytes, name: str) -> None:
    assert spoken_at(path, {}).name == name


def test_a_caller_that_says_anthropics_version_is_refused_in_its_words() -> None:
    assert spoken_at(b"/v1/files", {b"anthropic-version": b"2023-06-01"}).name == "anthropic"
    assert spoken_at(b"/v2/files", {b"anthropic-version": b"2023-06-01"}).name == "kserve"
