"""The interpreter that contenders written in Python run on: the system's own, where it fits.

What distributions and container images ship is built with profile-guided optimisation; what a version manager has
compiled on the spot often is not, and then the very same path costs a sixth more. Measured is what people deploy: the
system's `python3` if it takes the same extension modules as the interpreter that runs the benchmark, else that one.
`BENCH_PYTHON` names another. The report says which it was. Libraries come from the environment the contender was
installed into, whichever interpreter runs them.
"""

import functools
import os
import subprocess
import sys
from pathlib import Path

import msgspec

SYSTEM = "/usr/bin/python3"
_ASK = "import platform, sys; print(sys.implementation.cache_tag, platform.python_version())"


class Interpreter(msgspec.Struct, frozen=True):
    program: str
    version: str

    def command(self, *arguments: str) -> list[str]:
        return [self.program, *arguments]

    def __str__(self) -> str:
        return f"{self.version} ({'the one that runs this' if self.program == sys.executable else self.program})"


@functools.cache
def chosen() -> Interpreter:
    tag, version = _described(sys.executable)
    named = os.environ.get("BENCH_PYTHON", SYSTEM)
    if Path(named).exists():
        other_tag, other_version = _described(named)
        if other_tag == tag:
            return Interpreter(named, other_version)
    return Interpreter(sys.executable, version)


def _described(program: str) -> tuple[str, str]:
    done = subprocess.run([program, "-c", _ASK], capture_output=True, text=True, check=True, timeout=30)
    tag, version = done.stdout.split()
    return tag, version


def libraries(programs: Path) -> str:
    """Where the packages of the environment are whose programs are in this folder."""
    major, minor = sys.version_info[:2]
    return str(programs.parent / "lib" / f"python{major}.{minor}" / "site-packages")
