"""A request that was sent, and whose connection broke before an answer began: where it is sent again."""

from pathlib import Path

from playbook import Answer, Play, perform
from test_rerouting import EMBEDDED, RETRYING, attempts, config, embed, until


def test_what_broke_off_is_sent_to_the_same_server_again_where_there_is_no_other(tmp_path: Path) -> None:
    replies: list[list[bytes | None]] = [[None], [EMBEDDED]]

    async def scene(play: Play) -> None:
        for status in (200, 502):
            wire, caller = play.connect()
            caller.data_received(embed("tiny"))
            await until(play, lambda wire=wire: bool(wire.written))  # type: ignore[misc]
            assert Answer(wire.written).status == status
            outcome = "completed" if status == 200 else "upstream_closed_early"
            assert attempts(play.records[-1]) == [("spare", "upstream_closed_early"), ("spare", outcome)]
            assert not replies
            replies.extend([[None], [None]])
        assert play.plane.retries.taken == 2

    perform(tmp_path, scene, lambda _: replies.pop(0), config(upstream=RETRYING))
