from pathlib import Path

from limited import PRICED, config
from playbook import Answer, Play, chat, chunk_event, completion, perform, post, reply, stream

LONG = stream(*[chunk_event("four" * 50) for _ in range(60)], chunk_event(None, "stop"), b"data: [DONE]\n\n")


def test_a_stream_is_cut_where_its_budget_ends_with_a_legal_end(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=True, max_tokens=100)))
        assert answer.status == 200
        assert answer.events[-1] == b"[DONE]"
        assert answer.events[-2]["error"]["code"] == "budget_exhausted"
        texts = [event["choices"][0]["delta"]["content"] for event in answer.events[:-2]]
        assert 100 * 4 < len("".join(texts)) <= 2000 * 4
        closed = play.records[-1]
        assert (closed["decision"], closed["outcome"], closed["reason"]) == ("allowed", "failed", "budget_exhausted")
        refused = await again(play)
        assert (refused.status, refused.code) == (429, "budget_exhausted")

    async def again(play: Play) -> Answer:
        play.wire, play.caller = play.connect()
        return await play.say(post(chat("x", max_tokens=1000)))

    perform(tmp_path, scene, lambda _: LONG, config("{budget: 2k tokens/day}"))


def test_a_stream_within_its_budget_flows_to_its_end(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=True, max_tokens=100)))
        assert "error" not in answer.events[-2]
        assert play.records[-1]["outcome"] == "completed"

    perform(tmp_path, scene, lambda _: LONG, config("{budget: 1M tokens/day}"))


def test_a_quota_cuts_no_stream(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x", stream=True, max_tokens=100)))
        assert play.records[-1]["outcome"] == "completed"
        assert (await play.say(post(chat("x", max_tokens=1)))).code == "quota_exhausted"

    perform(tmp_path, scene, lambda _: LONG, config("{quota: 200 tokens/day}"))


def test_money_cuts_a_stream_as_well(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x", stream=True, max_tokens=100)))
        assert play.records[-1]["reason"] == "budget_exhausted"

    # 0.01 EUR buy a thousand tokens of output, and this is three thousand
    perform(tmp_path, scene, lambda _: LONG, config("{budget: 0.01 EUR/day}", PRICED.replace("2 EUR", "9 EUR")))


def test_an_answer_that_is_no_stream_is_settled_with_what_it_used(tmp_path: Path) -> None:
    usage = completion("x") | {"usage": {"prompt_tokens": 1000, "completion_tokens": 2000}}

    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("x")))).status == 200
        assert play.records[-1]["cost"] == 5_000_000
        assert play.records[-1]["currency"] == "EUR"
        assert (await play.say(post(chat("x")))).status == 200
        refused = await play.say(post(chat("x")))
        assert (refused.status, refused.code) == (429, "budget_exhausted")
        assert "allows 0.01 EUR/day, and too little of it is left until" in refused.json["error"]["message"]

    perform(tmp_path, scene, lambda _: [reply(usage)], config("{budget: 0.01 EUR/day}", PRICED))
