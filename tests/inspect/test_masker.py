import json

from fragments import texts, wanted_sets
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.inspect.masker import mask
from guardhouse.inspect.scanner import scan
from guardhouse.model.entity import Entity

EVERY = Entity(255)


@settings(max_examples=1500, deadline=None)
@given(texts, wanted_sets, st.booleans())
def test_masking_twice_is_masking_once(text: str, wanted: Entity, escaped: bool) -> None:
    once, _ = mask(text, wanted, escaped=escaped)
    assert mask(once, wanted, escaped=escaped) == (once, {})


@settings(max_examples=1500, deadline=None)
@given(texts, wanted_sets, st.booleans())
def test_what_the_scanner_rules_out_would_not_have_been_masked(text: str, wanted: Entity, escaped: bool) -> None:
    candidates = Entity(scan(text.encode("utf-8", "surrogatepass")) & 255)
    assert mask(text, wanted & candidates, escaped=escaped)[1] == mask(text, wanted, escaped=escaped)[1]


json_trees = st.recursive(
    st.one_of(texts, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(),
              st.sampled_from([4111111111111111, -4111111111111111, 4111111111111111.0, 378282246310005, 10**70])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=700, deadline=None)
@given(json_trees, wanted_sets, st.booleans())
def test_masked_json_source_is_json_source(tree: object, wanted: Entity, ascii_only: bool) -> None:
    source = json.dumps(tree, ensure_ascii=ascii_only)
    json.loads(mask(source, wanted, escaped=True)[0])
