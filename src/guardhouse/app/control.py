"""The control process, as the supervisor starts it: `python -m guardhouse.app.control CONFIG`."""

import sys
from pathlib import Path

from guardhouse.app.prepared import NotStarted, prepared, run_as_child
from guardhouse.control import process


def run(config: Path) -> int:
    loaded, _ = prepared(config)
    try:
        return process.run(loaded.settings)
    except process.PortTaken as error:
        raise NotStarted(str(error)) from error


if __name__ == "__main__":
    sys.exit(run_as_child(lambda: run(Path(sys.argv[1]))))
