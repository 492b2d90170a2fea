"""A contender's processes: started on its core, in a session of their own, and ended by their ids.

Whatever they print goes to a file in the working directory, whose end is shown when one does not come up.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from bench import cpu, machine


class StartError(Exception):
    """A contender that was installed did not come up."""


class Process:
    def __init__(self, command: list[str], work: Path, extra: dict[str, str] | None = None) -> None:
        self.log = work / "output.log"
        with machine.contender_core(), self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                command,
                cwd=work,
                env={**os.environ, **(extra or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self.popen.pid

    def check(self) -> None:
        if self.popen.poll() is not None:
            raise StartError(f"ended with code {self.popen.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-600:].strip()

    def stop(self) -> None:
        """SIGTERM to the first process, SIGKILL to whatever of the tree is left after five seconds."""
        tree = cpu.read(self.pid).stats if self.popen.poll() is None else {}
        self.popen.terminate()
        try:
            self.popen.wait(5)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        for stat in tree.values():
            if stat.pid != self.pid:
                _kill(stat.pid, stat.session)


def _kill(pid: int, session: int) -> None:
    """After two seconds, and only while it is in the session it was in: a pid may belong to somebody else by then."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            if os.getsid(pid) != session:
                return
        except ProcessLookupError:
            return
        time.sleep(0.02)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
