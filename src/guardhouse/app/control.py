"""The control process, as the supervisor starts it: `python -m guardhouse.app.control STATE CONFIG`."""

import sys
from pathlib import Path

from guardhouse.app.prepared import NotStarted, published, run_as_child
from guardhouse.control import process
from guardhouse.control.ports import PortTaken
from guardhouse.control.providers import ProviderUnusable
from guardhouse.control.state import State


def run(root: Path, config: Path) -> int:
    settings, edition = published(State(root))
    try:
        return process.run(settings, edition, config)
    except (PortTaken, ProviderUnusable) as error:
        raise NotStarted(str(error)) from error


if __name__ == "__main__":
    sys.exit(run_as_child(lambda: run(Path(sys.argv[1]), Path(sys.argv[2]))))
