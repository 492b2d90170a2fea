"""The command line in the process of the test: what is typed, and what comes of it."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from guardhouse.cli.main import app

CONFIGURATION = """\
version: 1
state: ./state
targets: {local: {kind: openai, url: "http://127.0.0.1:8000", credential: "${env:NOT_SET_ANYWHERE}"}}
models: {tiny: {targets: [local]}}
policies: [{name: all, who: {groups: [research]}, may: [chat], models: [tiny]}]
"""


class Command:
    """`guardhouse FIRST …`: `FIRST` stands before all that a test types."""

    def __init__(self, *first: str) -> None:
        self._first = first

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, [*self._first, *words])

    def told(self, *words: str) -> Any:
        """What it says with `--json`, once it has done what it was asked."""
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)
