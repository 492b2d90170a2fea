"""A gateway that may take any ports says which it took, and keeps them while its processes come and go."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attack.recording import RecordingBackend
from integration.gateway import READY_WITHIN, Gateway, prepare
from integration.polling import LOOPBACK, eventually
from integration.raw_http import Address

ANY = f"{LOOPBACK}:0"


def address(said: str) -> Address:
    host, _, port = said.rpartition("/")[2].rpartition(":")
    return host, int(port)


@contextmanager
def saying(gateway: Gateway) -> Iterator[dict[str, str]]:
    """The gateway, and what it says when it is ready; its ports are not known before."""
    said = gateway.folder / "said"
    line = [sys.executable, "-m", "guardhouse", "serve", "--config", str(gateway.config), "--json"]
    with said.open("wb") as out:
        process = gateway.process = subprocess.Popen(line, env=gateway.environment, cwd=gateway.folder, stdout=out)
    try:
        eventually(lambda: said.read_bytes().endswith(b"}\n"), READY_WITHIN, "the gateway says that it is ready")
        yield json.loads(said.read_text())
        gateway.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.parametrize("workers", [1, 3])
def test_every_port_that_was_taken_is_told_and_outlives_the_workers(tmp_path: Path, workers: int) -> None:
    several = {"workers": workers, "limits_scope": "process"} if workers > 1 else {}
    changes = {"listen": {"address": ANY, "grpc": {"address": ANY}}, "admin": {"address": ANY}, **several}
    with RecordingBackend() as back_end:
        gateway = prepare(tmp_path, back_end.url, changes)
        with saying(gateway) as said:
            gateway.data, gateway.admin = address(said["listen"]), address(said["admin"])
            ports = {name: address(said[name])[1] for name in ("listen", "admin", "grpc")}
            assert len({0, *ports.values()}) == 4
            assert gateway.chat("hello").status == 200
            socket.create_connection(address(said["grpc"]), 5).close()
            for pid in gateway.workers():
                os.kill(pid, signal.SIGKILL)
            eventually(gateway.ready, READY_WITHIN, "the workers are back at their port")
            assert gateway.chat("hello").status == 200
