"""Writes the lock files beside it from pyproject.toml: `make lock`, or `make lock UPGRADE=1` to take newer releases.

What is wanted stands in pyproject.toml alone; what is installed stands in the locks alone, with a hash for every file
that pip may choose. All locks agree with one another: `dev.txt` holds everything and is resolved first, the others are
cut out of it. They are resolved with the oldest Python that is supported, which is the one with the most back-ports.

  build.txt    what turns the source tree into an installed package
  runtime.txt  what a deployment needs
  demo.txt     that, and the official client which the demonstration calls the gateway with
  dev.txt      all of it, and what tests, checks and benchmarks need
"""

import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
HEADER = "# Written by `make lock` from pyproject.toml. Install with: pip install --require-hashes -r {name}\n"


def wanted() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups: dict[str, list[str]] = project["dependency-groups"]
    build: list[str] = [*project["build-system"]["requires"], "wheel"]
    runtime: list[str] = project["project"]["dependencies"]
    demo: list[str] = project["project"]["optional-dependencies"]["demo"]
    return {
        "dev.txt": runtime + demo + groups["dev"] + groups["integration"],
        "build.txt": build,
        "runtime.txt": runtime,
        "demo.txt": runtime + demo,
    }


def resolve(name: str, requirements: list[str], options: list[str]) -> None:
    """pip-compile reads the requirements from its standard input and keeps the pins the file already has."""
    command = [sys.executable, "-m", "piptools", "compile", "-", "--quiet", "--output-file", name, *options]
    command += ["--generate-hashes", "--allow-unsafe", "--strip-extras", "--no-header", "--no-emit-options"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host", "--no-annotate"]
    subprocess.run(command, input="\n".join(requirements), text=True, check=True, cwd=HERE)
    lock = HERE / name
    lock.write_text(HEADER.format(name=name) + lock.read_text().removeprefix(HEADER.format(name=name)))


def main() -> None:
    upgrade = sys.argv[1:] == ["--upgrade"]
    for name, requirements in wanted().items():
        if name in ("dev.txt", "build.txt"):
            resolve(name, requirements, ["--upgrade"] if upgrade else [])
        else:
            (HERE / name).unlink(missing_ok=True)
            resolve(name, requirements, ["--constraint", "dev.txt"])


if __name__ == "__main__":
    main()
