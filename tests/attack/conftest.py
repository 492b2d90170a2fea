"""The gateway that the attack tests share, and the recording model server behind it."""

from collections.abc import Iterator

import pytest

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running

CHANGES = {
    "listen": {"limits": {"body": "1MiB"}},
    "upstream": {"first_byte": "5s", "between_bytes": "5s"},
}


@pytest.fixture(scope="session")
def back_end() -> Iterator[RecordingBackend]:
    with RecordingBackend() as recording:
        yield recording


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, back_end: RecordingBackend) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("gateway"), back_end.url, CHANGES) as started:
        yield started
