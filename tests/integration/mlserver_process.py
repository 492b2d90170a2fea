"""A real MLServer, a server of KServe v2 over REST and gRPC, in an environment of its own.

Its pins do not go together with those of this project, so it is installed apart, into a folder that is kept; where it
cannot be installed, the tests that need it are skipped and say so.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.polling import LOOPBACK, accepts, eventually, free_port

HOME = Path(__file__).with_name(".servers") / "mlserver"
MODEL = Path(__file__).with_name("mlserver") / "echo.py"
PACKAGE = "mlserver==1.7.1"
INSTALL_WITHIN = 400.0
READY_WITHIN = 90.0


@dataclass(frozen=True, slots=True)
class MLServer:
    http: int
    grpc: int


def install() -> Path:
    program = HOME / "bin" / "mlserver"
    done = HOME / ".installed"
    if done.exists():
        return program
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True, capture_output=True, timeout=120)
        command: list[str | Path] = [
            HOME / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--only-binary",
            ":all:",
            PACKAGE,
        ]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_WITHIN)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"MLServer cannot be installed: {error}")
    done.touch()
    return program


@contextmanager
def serving(folder: Path) -> Iterator[MLServer]:
    """MLServer with the model `echo` in version `v1`."""
    program = install()
    shutil.copy(MODEL, folder)
    server = MLServer(free_port(), free_port())
    settings = {"host": LOOPBACK, "http_port": server.http, "grpc_port": server.grpc, "parallel_workers": 0}
    (folder / "settings.json").write_text(json.dumps({**settings, "metrics_port": free_port()}))
    model = {"name": "echo", "implementation": "echo.Echo", "parameters": {"version": "v1"}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen([program, "start", "."], cwd=folder, stdout=output, stderr=output)
    try:
        eventually(lambda: _is_up(process, server), READY_WITHIN, "MLServer is ready")
        assert process.poll() is None, (folder / "output").read_text()
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_up(process: "subprocess.Popen[bytes]", server: MLServer) -> bool:
    return process.poll() is not None or (accepts(server.http) and accepts(server.grpc))
