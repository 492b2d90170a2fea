import json
from pathlib import Path

from playbook import Play, chat, perform, post

from guardhouse.path.figures import Figures, figures_of


def test_the_state_of_a_worker_is_written_once_a_second_and_only_if_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "w0.figures.json"

    async def scene(play: Play) -> None:
        figures = Figures(tmp_path, 0)
        figures.sweep(play.plane, 10.0)
        assert json.loads(file.read_bytes())["connections"] == 1
        file.unlink()
        figures.sweep(play.plane, 11.0)
        assert not file.exists()
        play.connect()
        figures.sweep(play.plane, 11.5)
        assert not file.exists()
        figures.sweep(play.plane, 12.0)
        assert json.loads(file.read_bytes())["connections"] == 2

    perform(tmp_path, scene)


def test_an_exchange_upstream_is_under_way(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x")))
        assert figures_of(play.plane).exchanges == 1
        assert figures_of(play.plane).limits_store == ""

    perform(tmp_path, scene, lambda _: [])


def test_a_file_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        Figures(tmp_path / "missing", 0).sweep(play.plane, 10.0)

    perform(tmp_path, scene)
