import pytest
from fragments import cut_texts
from hypothesis import given, settings

from guardhouse.inspect.private_key import KeyBlocks

KINDS = ["", "RSA ", "EC ", "DSA ", "ENCRYPTED ", "OPENSSH ", "SSH2 ENCRYPTED "]


def passed(pieces: list[str]) -> tuple[str, int]:
    found: list[None] = []
    blocks = KeyBlocks(lambda: found.append(None))
    return "".join([blocks.push(piece) for piece in pieces]) + blocks.flush(), len(found)


@settings(max_examples=700, deadline=None)
@given(cut_texts())
def test_blocks_are_the_same_for_every_split(cut: tuple[str, list[str]]) -> None:
    text, pieces = cut
    assert passed(pieces) == passed([text])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_private_key_is_a_block(kind: str) -> None:
    block = f"-----BEGIN {kind}PRIVATE KEY-----\nMIIE\n-----END {kind}PRIVATE KEY-----"
    assert passed([f"a {block} b {block}"]) == ("a [PRIVATE_KEY] b [PRIVATE_KEY]", 2)


def test_the_placeholder_leaves_with_the_last_dash_of_the_first_marker() -> None:
    blocks = KeyBlocks(lambda: None)
    assert blocks.push("x -----BEGIN PRIVATE KEY----") == "x "
    assert blocks.push("-") == "[PRIVATE_KEY]"


def test_a_rule_of_dashes_is_no_marker() -> None:
    assert passed(list("-" * 40 + "\n-----BEGIN PUBLIC KEY-----")) == ("-" * 40 + "\n-----BEGIN PUBLIC KEY-----", 0)


def test_a_block_ends_when_what_holds_it_ends() -> None:
    blocks = KeyBlocks(lambda: None)
    blocks.push("-----BEGIN PRIVATE KEY-----abc")
    assert blocks.inside
    blocks.leave()
    assert blocks.calm
    assert blocks.push("def") == "def"
