"""What is explained of a question is what becomes of the request, or is said to be beyond the question."""

from pathlib import Path
from typing import Any

import pytest
from trials import TRIED, loaded, played

from guardhouse.model.operation import Operation
from guardhouse.policy.question import Circumstances, Person, Question, explain

ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "by alias": {"model": "tiny"},
    "long": {"size": 3000},
    "with a tool": {"tools": True},
    "hot": {},
    "strange": {},
    "injected": {},
    "with an image": {},
    "wishing for much": {},
    "embedding": {"may": Operation.EMBEDDINGS},
    "list": {"may": Operation.MODELS_READ, "model": None},
    "unknown model": {"model": "large"},
}
DOCUMENT = ("field_forbidden", "injection_found", "parameter_refused", "media_refused", "content_beyond_limit")
BEYOND = {
    "whether its fields, parameters, sizes, media and URLs": (*DOCUMENT, "contract_violated"),
    "whether parts of it are no text": ("content_unreadable",),
    "how much of its limits is used up, and whether": ("tokens_beyond_limit", "cost_beyond_budget", "input_unbounded"),
}


@pytest.mark.parametrize("tried", TRIED)
def test_an_explanation_is_true_of_the_request_or_says_what_it_cannot_tell(tmp_path: Path, tried: str) -> None:
    said, snapshot = played(tmp_path / "played", TRIED[tried], None), loaded(TRIED[tried]).snapshot
    for name, words in ASKED.items():
        facts = dict(words)
        may, model = facts.pop("may", Operation.CHAT), facts.pop("model", "small")
        request = Circumstances(client="192.0.2.7", dialect="openai", **facts)
        question = Question(who=Person(id="alice", groups=("research",)), may=may, model=model, request=request)
        found = explain(snapshot, question, 1_800_000_000.0)
        refused, _ = said[name]
        if found.reason == refused:
            continue
        assert found.decision == "allowed", name
        assert any(
            refused in codes and any(untold.startswith(words) for untold in found.untold)
            for words, codes in BEYOND.items()
        ), (name, refused)
