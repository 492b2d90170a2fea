from pathlib import Path

import pytest
import typer

from cli.commanding import CONFIGURATION
from guardhouse.cli.stored import opened, opened_at


def test_what_a_configuration_names_is_made_and_opened(tmp_path: Path) -> None:
    config = tmp_path / "guardhouse.yaml"
    config.write_text(CONFIGURATION)
    with opened(config, as_json=False) as stored:
        assert stored.state.root == tmp_path / "state"
        assert stored.store.list() == []
        assert stored.secrets.pepper != stored.secrets.hash_key


def test_the_secrets_stay_what_they_were(tmp_path: Path) -> None:
    with opened_at(tmp_path / "state", as_json=False) as first:
        pass
    with opened_at(tmp_path / "state", as_json=False) as second:
        assert second.secrets == first.secrets


def test_a_place_that_cannot_be_had_is_refused_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(typer.Exit) as refused, opened_at(tmp_path / "state", as_json=False):
        pass
    assert refused.value.exit_code == 1
    assert "state" in capsys.readouterr().err
