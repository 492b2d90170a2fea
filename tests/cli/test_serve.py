"""A whole gateway on loopback, started and ended as its operator would: the parts of it that are not the data path."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 30.0  # seconds until a fact must hold; nothing is asserted about how long it took

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells who is whose child")


def until(fact: Callable[[], Any], what: str, *, pause: float = 0.02) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := fact():
            return found
        time.sleep(pause)
    raise AssertionError(f"not within {PATIENCE:g} s: {what}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Gateway:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.admin = free_port(), free_port()
        (folder / "guardhouse.yaml").write_text(
            f"""\
version: 1
listen: {{address: "127.0.0.1:{self.data}"}}
admin: {{address: "127.0.0.1:{self.admin}"}}
state: ./state
targets: {{local: {{kind: openai, url: "http://127.0.0.1:9"}}}}
models: {{tiny: {{targets: [local]}}}}
policies: [{{name: all, who: {{groups: [research]}}, may: [chat, models.read], models: [tiny]}}]
"""
        )
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "guardhouse", *words]
        return subprocess.run(line, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)

    def start(self, *, first: str = "") -> None:
        """`first` is done in the process of the supervisor before anything else."""
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            line = [sys.executable, "-c", f"{first}\nfrom guardhouse.cli.main import app; app()", "serve", "--json"]
            process = self.process = subprocess.Popen(line, cwd=self.folder, stdout=out, stderr=err)
        until(lambda: (self.folder / "out").read_text() or process.poll() is not None, "the gateway says something")

    def end(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def children(self) -> dict[str, int]:
        assert self.process is not None
        pid = self.process.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {
            kind: int(child)
            for child in found
            for kind in ("worker", "control")
            if f"app.{kind} " in _command_line(child)
        }

    def get(self, port: int, path: str, key: str = "") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path, headers={"authorization": f"Bearer {key}"} if key else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()


def _command_line(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path)
    yield gateway
    if gateway.process is not None and gateway.process.poll() is None:
        gateway.process.kill()
        gateway.process.wait()


def test_a_key_works_until_it_is_revoked_and_the_end_is_clean(gateway: Gateway) -> None:
    key = json.loads(gateway.command("keys", "create", "alice", "--group", "research", "--json").stdout)
    gateway.start()
    told = json.loads((gateway.folder / "out").read_text())
    assert told["listen"] == f"http://127.0.0.1:{gateway.data}"
    assert told["admin"] == f"http://127.0.0.1:{gateway.admin}"
    assert gateway.get(gateway.admin, "/readyz")[0] == 200
    assert gateway.get(gateway.data, "/v1/models", key["key"])[0] == 200
    late = gateway.command("keys", "create", "bob", "--group", "research").stdout.strip()
    # asked seldom: whoever fails too often in a row is made to wait, and would hear that instead of the refusal
    until(lambda: gateway.get(gateway.data, "/v1/models", late)[0] == 200, "a key made later is known", pause=0.4)
    gateway.command("keys", "revoke", key["id"])
    until(
        lambda: gateway.get(gateway.data, "/v1/models", key["key"])[0] == 401, "the revoked key is refused", pause=0.1
    )
    until(lambda: b'reason="credential_revoked"' in gateway.get(gateway.admin, "/metrics")[1], "it is counted")
    pids = gateway.children()
    assert gateway.end() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert (gateway.folder / "err").read_text() == ""
    _assert_no_secret(gateway, [key["key"], late])


def _assert_no_secret(gateway: Gateway, keys: list[str]) -> None:
    """Neither a key nor a secret of the state stands in any file but its own."""
    secrets = [key.rpartition("_")[2].encode() for key in keys]
    own = list((gateway.folder / "state" / "secrets").iterdir())
    secrets += [path.read_bytes().strip() for path in own]
    for path in gateway.folder.rglob("*"):
        if path.is_file() and path not in own:
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path


def test_the_end_of_the_control_process_does_not_touch_traffic(gateway: Gateway) -> None:
    key = gateway.command("keys", "create", "alice", "--group", "research").stdout.strip()
    gateway.start()
    before = gateway.children()
    connection = http.client.HTTPConnection("127.0.0.1", gateway.data, timeout=5)
    connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {key}"})
    connection.getresponse().read()
    os.kill(before["control"], signal.SIGKILL)
    connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {key}"})
    assert connection.getresponse().status == 200
    connection.close()
    until(lambda: gateway.get(gateway.admin, "/readyz")[0] == 200, "another control process answers")
    assert gateway.children()["worker"] == before["worker"]
    assert gateway.children()["control"] != before["control"]
    assert gateway.end() == 0


def test_a_worker_that_is_killed_is_replaced(gateway: Gateway) -> None:
    gateway.start()
    before = gateway.children()
    os.kill(before["worker"], signal.SIGKILL)
    until(lambda: gateway.children().get("worker", before["worker"]) != before["worker"], "another worker is there")
    until(lambda: gateway.get(gateway.data, "/readyz")[0] == 200, "it serves")
    assert gateway.children()["control"] == before["control"]
    assert gateway.end() == 0


IMPATIENT = "from guardhouse.control.supervisor import Supervisor; Supervisor.__init__.__kwdefaults__['silence'] = 4.0"


def test_a_worker_that_hangs_is_told_killed_and_replaced(gateway: Gateway) -> None:
    gateway.start(first=IMPATIENT)
    before = gateway.children()
    os.kill(before["worker"], signal.SIGSTOP)
    until(lambda: b"worker w0 hangs" in gateway.get(gateway.admin, "/readyz")[1], "the admin port tells of it")
    until(lambda: gateway.get(gateway.data, "/readyz")[0] == 200, "another worker serves")
    until(lambda: gateway.get(gateway.admin, "/readyz")[0] == 200, "and the admin port knows")
    assert gateway.children()["worker"] != before["worker"]
    assert gateway.children()["control"] == before["control"]
    assert "w0 has been silent for 4 s; killing it" in (gateway.folder / "err").read_text()
    assert gateway.end() == 0


def test_nothing_outlives_a_supervisor_that_is_killed_and_the_next_start_works(gateway: Gateway) -> None:
    gateway.start()
    assert gateway.process is not None
    pids = gateway.children()
    gateway.process.kill()
    gateway.process.wait()
    until(lambda: not any("guardhouse" in _command_line(str(pid)) for pid in pids.values()), "its children are gone")
    gateway.start()
    assert gateway.get(gateway.data, "/readyz")[0] == 200
    assert gateway.end() == 0


def test_a_second_gateway_on_the_same_state_is_refused(gateway: Gateway) -> None:
    gateway.start()
    second = gateway.command("serve")
    assert second.returncode == 1
    assert "another guardhouse is serving" in second.stderr
    assert gateway.end() == 0


@pytest.mark.parametrize("port", ["data", "admin"])
def test_a_port_that_is_taken_ends_the_start_at_once_and_says_what_to_do(gateway: Gateway, port: str) -> None:
    number = getattr(gateway, port)
    with socket.create_server(("127.0.0.1", number)):
        done = gateway.command("serve")
    assert done.returncode == 1
    taken = f"guardhouse: the {port} port 127.0.0.1:{number} cannot be listened on: Address already in use; "
    assert done.stderr == f"{taken}end what holds it (ss -ltnp 'sport = :{number}') or configure another address\n"


def test_a_wrong_configuration_is_told_and_nothing_is_made(gateway: Gateway) -> None:
    (gateway.folder / "guardhouse.yaml").write_text("version: 1\nnonsense: 1\n")
    done = gateway.command("serve")
    assert (done.returncode, done.stdout) == (1, "")
    assert "guardhouse.yaml:2" in done.stderr
    assert not (gateway.folder / "state").exists()


def test_a_pepper_open_to_others_stops_the_start(gateway: Gateway) -> None:
    gateway.command("keys", "create", "alice")
    (gateway.folder / "state" / "secrets" / "pepper").chmod(0o644)
    done = gateway.command("serve")
    assert done.returncode == 1
    assert "chmod 600" in done.stderr
