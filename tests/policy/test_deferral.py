"""What files and batches take: which questions can be asked, and that what all of it grants is granted only by all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import MODELS, policies, principals, requests, snapshot_of

from guardhouse.model.dialect import DialectName
from guardhouse.model.operation import DEFERRED, Operation
from guardhouse.model.principal import Principal
from guardhouse.policy import deferral
from guardhouse.policy.decide import decide
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Grant

CHAT, FILES, BATCHES = Operation.CHAT, Operation.FILES, Operation.BATCHES


@pytest.mark.parametrize(
    ("may", "lines", "model", "dialect", "fault"),
    [
        (FILES, CHAT, "m", None, ""),
        (BATCHES, Operation.EMBEDDINGS, "m", "openai", ""),
        (FILES, None, None, None, ""),
        (CHAT, None, None, "ollama", ""),
        (CHAT, CHAT, "m", None, "lines: only files and batches have any"),
        (FILES, BATCHES, "m", None, 'lines: unknown operation of lines "batches"'),
        (FILES, Operation.PREDICT, "m", None, 'lines: unknown operation of lines "predict"'),
        (FILES, CHAT, None, None, "lines: name the model"),
        (BATCHES, None, "m", "anthropic", "dialect: batches are of the dialect openai alone"),
    ],
)
def test_what_cannot_be_asked_is_told(
    may: Operation, lines: Operation | None, model: str | None, dialect: DialectName | None, fault: str
) -> None:
    found = deferral.fault_in(may, lines, model, dialect)
    assert found.startswith(fault) if fault else not found


def test_ordering_takes_what_uploading_takes() -> None:
    assert deferral.operations_of(FILES, CHAT) == (FILES, CHAT)
    assert deferral.operations_of(BATCHES, CHAT) == (BATCHES, CHAT, FILES)
    assert deferral.operations_of(BATCHES, None) == (BATCHES,)
    assert deferral.operations_of(CHAT, None) == (CHAT,)


def test_what_is_untold_depends_on_what_is_said() -> None:
    assert list(deferral.untold(CHAT, None)) == list(deferral.untold(FILES, CHAT)) == []
    assert [("lines" in words) for words in deferral.untold(FILES, None)] == [True]
    assert len(list(deferral.untold(BATCHES, CHAT))) == 2


@given(policies, principals, requests, st.sampled_from(DEFERRED), st.sampled_from(MODELS))
def test_all_of_it_has_to_be_granted_and_all_policies_count(
    written: list[dict[str, Any]], who: Principal, request: Facts, may: Operation, model: str
) -> None:
    for policy in written:
        policy["may"] = sorted({*policy["may"], "files"})
    snapshot = snapshot_of(written)
    decisions = {
        operation: decide(snapshot, who, operation, model, request) for operation in deferral.operations_of(may, CHAT)
    }
    united = deferral.together(snapshot, decisions, may, CHAT, model)
    grants = [decision for decision in decisions.values() if isinstance(decision, Grant)]
    if isinstance(united, Grant):
        assert len(grants) == len(decisions)
        assert {*united.policies} == {name for grant in grants for name in grant.policies}
        assert all(united.mask_request & grant.mask_request == grant.mask_request for grant in grants)
    else:
        assert united in decisions.values()
