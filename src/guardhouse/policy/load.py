"""From the path of a configuration file to what the processes run on, or to everything that is wrong with it.

The only place here that reads files and the environment; the steps behind it are pure: source (text to tree), schema
(tree to document), checks (what the parts say of each other) and compile (document to settings and snapshot). Bad input
is a value, never an exception.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from guardhouse.policy.problem import Problems
from guardhouse.policy.settings import Settings
from guardhouse.policy.snapshot import Snapshot


class Loaded(msgspec.Struct, frozen=True):
    settings: Settings
    snapshot: Snapshot


def load(path: Path, environ: Mapping[str, str] | None = None) -> Loaded | Problems:
    """The configuration at `path`; `environ` stands for the process's own environment unless given."""
    raise NotImplementedError
