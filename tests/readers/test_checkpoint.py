import stat
from pathlib import Path

import pytest

from guardhouse.readers import checkpoint
from guardhouse.readers.tail import Position


def test_what_is_saved_is_loaded_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    checkpoint.save(path, Position(3, 14, 15))
    checkpoint.save(path, Position(3, 15, 15))
    assert checkpoint.load(path, Position) == Position(3, 15, 15)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize(
    "content", [None, b"", b'{"segment":', b'{"segment":"one"}', b"\x00" * 40, b'{"segment":\xff}', b"[]"]
)
def test_what_is_no_checkpoint_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "checkpoint"
    if content is not None:
        path.write_bytes(content)
    assert checkpoint.load(path, Position) is None
