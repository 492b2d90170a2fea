import json

from hypothesis import given
from hypothesis import strategies as st

from audit.journaling import closed
from guardhouse.audit import chain, verify

bodies = st.lists(
    st.dictionaries(st.text(), st.text() | st.integers(), min_size=1).map(lambda d: json.dumps(d).encode())
)


@given(bodies)
def test_sealed_lines_follow_one_another_and_hold_their_bodies(sources: list[bytes]) -> None:
    block, last = chain.link(chain.GENESIS, sources)
    digest = chain.GENESIS
    for source, line in zip(sources, block.splitlines(keepends=True), strict=True):
        found = chain.follow(digest, line)
        assert found is not None
        digest = found
        document = json.loads(line)
        assert list(document)[-1] == "chain"
        assert document.pop("chain") == digest.hex()
        assert document == json.loads(source)
    assert digest == last


@given(bodies.filter(len), st.integers(0, 20))
def test_linking_in_parts_is_linking_at_once(sources: list[bytes], cut: int) -> None:
    first, digest = chain.link(chain.GENESIS, sources[:cut])
    second, last = chain.link(digest, sources[cut:])
    assert (first + second, last) == chain.link(chain.GENESIS, sources)


@given(st.binary(max_size=200))
def test_a_line_that_nobody_sealed_follows_nothing(line: bytes) -> None:
    assert chain.follow(chain.GENESIS, line) is None


def test_the_verifier_states_the_same_rules() -> None:
    line, _ = chain.link(chain.GENESIS, [b'{"kind":"closed"}'])
    assert verify.SEAL.search(line)
    assert chain.GENESIS.hex() == verify.GENESIS
    assert chain._SEAL_LENGTH == verify.SEAL_LENGTH
    assert closed("x").__struct_config__.tag == "closed"
