import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from guardhouse.demo.processes import Unexpected, eventually, expect, fetch, free_port, is_free, running

WAITS = (sys.executable, "-c", "print('up', flush=True); import signal; signal.pause()")


def test_a_process_ends_with_its_block_and_leaves_what_it_said(tmp_path: Path) -> None:
    with running(WAITS, tmp_path, "said.log", os.environ) as process:
        eventually(lambda: (tmp_path / "said.log").read_text() == "up\n", "it did not come up")
        assert process.poll() is None
    assert process.returncode == -signal.SIGTERM


def test_a_process_ends_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(Unexpected), running(WAITS, tmp_path, "said.log", os.environ) as process:
        expect(0, "the story broke off")
    assert process.poll() is not None


def test_waiting_for_what_never_comes_says_what_did_not() -> None:
    with pytest.raises(Unexpected, match=r"the sun did not rise within 0.01 s"):
        eventually(lambda: False, "the sun did not rise", patience=0.01)


def test_a_fact_that_holds_already_is_not_waited_for() -> None:
    assert eventually(lambda: True, "never said", patience=0.0) >= 0.0


def test_an_address_where_nobody_listens_has_the_status_0() -> None:
    assert fetch(f"http://127.0.0.1:{free_port()}/") == (0, "")


def test_a_port_is_free_until_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
