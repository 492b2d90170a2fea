"""What a refusal by a limit says; what is reserved is in test_sizing.py."""

from pathlib import Path

from limited import PRICED, config
from playbook import Play, chat, perform, post


def said(tmp_path: Path, limits: str, length: int) -> tuple[int, str, str]:
    found: list[tuple[int, str, str]] = []

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", max_tokens=length)))
        found.append((answer.status, answer.code, answer.json["error"]["message"]))

    perform(tmp_path, scene, config=config(limits, PRICED))
    return found[0]


def test_a_refusal_by_a_bound_says_how_much_the_request_may_use(tmp_path: Path) -> None:
    status, code, message = said(tmp_path, "{budget: 2k tokens/day}", 5000)
    assert (status, code) == (400, "tokens_beyond_limit")
    assert "allows 2k tokens/day: this request may use 5" in message
    status, code, message = said(tmp_path, "{budget: 0.01 EUR/day}", 5000)
    assert (status, code) == (400, "cost_beyond_budget")
    assert "allows 0.01 EUR/day: this request may use 0.010" in message


def test_a_refusal_by_an_estimate_says_nothing_of_the_kind(tmp_path: Path) -> None:
    for limits in ("{budget: 2k tokens/day, reserve: estimate}", "{tokens: 2k/day}", "{quota: 2k tokens/day}"):
        status, code, message = said(tmp_path, limits, 5000)
        assert (status, code) == (400, "tokens_beyond_limit")
        assert "may use" not in message
