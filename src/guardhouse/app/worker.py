"""The process of a worker, as the supervisor starts it: `python -m guardhouse.app.worker STATE NUMBER`.

It imports the data path and nothing of the control side that speaks SQL or HTTP, which keeps some 20 MB and half a
second out of every worker.
"""

import hmac
import sys
from pathlib import Path

from guardhouse.app.prepared import NotStarted, prepared, run_as_child
from guardhouse.audit.segment import JournalDamagedError, JournalInUseError
from guardhouse.control.state import Secrets, shares_of
from guardhouse.inspect.signals import HashKey
from guardhouse.path import worker
from guardhouse.path.worker import WorkerSecrets


def run(root: Path, number: int) -> int:
    ready = prepared(root)
    secrets = WorkerSecrets(ready.secrets.pepper, hash_key_of(ready.secrets), shares_of(ready.secrets))
    try:
        return worker.run(ready.settings, ready.policy, number, secrets)
    except (OSError, JournalInUseError, JournalDamagedError) as error:
        raise NotStarted(f"worker w{number}: {error}") from error


def hash_key_of(secrets: Secrets) -> HashKey:
    """The key of the prompt hashes, named by something that says nothing about it."""
    key = bytes.fromhex(secrets.hash_key.reveal())
    return HashKey(hmac.digest(key, b"name of this key", "sha256").hex()[:8], key)


if __name__ == "__main__":
    sys.exit(run_as_child(lambda: run(Path(sys.argv[1]), int(sys.argv[2]))))
