from pathlib import Path

import pytest

from guardhouse.identity.clients import Clients
from guardhouse.policy.sections.clients import located, unusable
from identity.authority import Authority

AUTHORITY = Authority()
WRITTEN = Clients(authorities=Path("authorities.pem"), crl=Path("list.pem"))


def told(folder: Path) -> list[str]:
    return [f"{'.'.join(map(str, place))}: {message}" for place, message in unusable(WRITTEN, folder)]


def test_files_that_hold_what_they_should_are_not_mentioned(tmp_path: Path) -> None:
    (tmp_path / "authorities.pem").write_bytes(AUTHORITY.pem)
    (tmp_path / "list.pem").write_bytes(AUTHORITY.list_of())
    assert told(tmp_path) == []
    assert list(unusable(None, tmp_path)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the file list.pem cannot be read"),
        (b"garbage", "the file list.pem is refused: the file holds something that is no revocation list"),
        (Authority().list_of(), "the file list.pem is refused: a list is not signed by any of the authorities"),
    ],
)
def test_a_list_that_could_not_be_believed_is_an_error_at_once(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    (tmp_path / "authorities.pem").write_bytes(AUTHORITY.pem)
    if content is not None:
        (tmp_path / "list.pem").write_bytes(content)
    assert told(tmp_path) == [f"listen.tls.clients.crl: {message}"]


def test_paths_are_those_beside_the_configuration(tmp_path: Path) -> None:
    found = located(WRITTEN, tmp_path)
    assert found is not None
    assert (found.authorities, found.crl) == (tmp_path / "authorities.pem", tmp_path / "list.pem")
