"""Keeps up to date what workers know of tokens: the issuers' keys, the gateway's own, and what was revoked.

One loop looks at everything a few times a second, which costs a few file stats, and publishes what has changed.
Questions to issuers run beside it, one per issuer at a time. The bulletin is touched once a second, since workers that
see no sign of life for `identity.stale_after` identify nobody any more; so is the feed of revocations, which is kept
beside it (revocation_publisher.py).
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from guardhouse.control.issuer_file import last_published
from guardhouse.control.issuer_keys import Fetch, Note, Watch
from guardhouse.control.key_fetch import fetch_keys
from guardhouse.control.minting import Minter
from guardhouse.control.publisher import HEARTBEAT
from guardhouse.control.revocation_publisher import RevocationPublisher
from guardhouse.control.state import State
from guardhouse.control.store import Store
from guardhouse.identity.issuer_bulletin import IssuerBulletin
from guardhouse.identity.issuers import Issuer
from guardhouse.model.bulletin import beat, publish


class IssuerBoard(Collector):
    def __init__(  # noqa: PLR0917 - what it brings together
        self,
        issuers: Mapping[str, Issuer],
        state: State,
        store: Store,
        minter: Minter,
        note: Note,
        fetch: Fetch = fetch_keys,
    ) -> None:
        kept = last_published(state)
        self._watches = {name: Watch(issuer, kept.issuers.get(name), fetch, note) for name, issuer in issuers.items()}
        self._state = state
        self._minter = minter
        self._revocations = RevocationPublisher(store, state.revoked, note)
        self._published: IssuerBulletin | None = None
        self._beaten = float("-inf")
        self._file: tuple[int, int] | None = None  # its inode and size, as it was published
        self._asking: dict[str, asyncio.Task[bool]] = {}

    def __repr__(self) -> str:
        return f"<IssuerBoard {list(self._watches.values())}>"

    def close(self) -> None:
        """Nobody is asked any more."""
        for task in self._asking.values():
            task.cancel()
        self._revocations.close()

    def turn(self, now: float) -> None:
        """Ask whom it is time to ask, and publish what is new."""
        for name, watch in self._watches.items():
            task = self._asking.get(name)
            if task is not None and task.done():
                task.result()  # an exception is a bug, and ends the process
                del self._asking[name]
            elif task is None and watch.is_due(now, self._wanted_at(name)):
                self._asking[name] = asyncio.get_running_loop().create_task(watch.ask(now))
            watch.look_at_age(now)
        self._minter.refresh(now)
        self._revocations.poll(now)
        self._publish(now)

    def revoke(self, credential: str, by: str, now: float, until: float | None = None) -> None:
        """Felt by the workers within a second, as is what the command line revokes."""
        self._revocations.revoke(credential, by, now, until)

    def collect(self) -> Iterator[Metric]:
        """For /metrics: how old each issuer's keys are, and how asking went."""
        keys = GaugeMetricFamily("guardhouse_issuer_keys", "Usable keys of an issuer.", labels=["issuer"])
        ages = GaugeMetricFamily(
            "guardhouse_issuer_keys_age_seconds", "Time since an issuer's keys were last had.", labels=["issuer"]
        )
        asked = CounterMetricFamily(
            "guardhouse_issuer_fetches", "Times an issuer was asked for its keys.", labels=["issuer", "outcome"]
        )
        available = GaugeMetricFamily(
            "guardhouse_issuer_available", "Whether an issuer's tokens can be judged.", labels=["issuer"]
        )
        now = time.time()
        for name, watch in self._watches.items():
            available.add_metric([name], not watch.is_unavailable(now))
            keys.add_metric([name], 0 if watch.keys is None else len(watch.keys.keys))
            if watch.keys is not None:
                ages.add_metric([name], max(0.0, now - watch.keys.fetched_at))
            asked.add_metric([name, "ok"], watch.succeeded)
            asked.add_metric([name, "failed"], watch.failed)
        yield from (available, keys, ages, asked)

    def _publish(self, now: float) -> None:
        bulletin = IssuerBulletin(
            issuers={name: watch.keys for name, watch in self._watches.items() if watch.keys is not None},
            own=self._minter.public_keys,
            unavailable=tuple(name for name, watch in self._watches.items() if watch.is_unavailable(now)),
        )
        if bulletin != self._published or self._look() != self._file:
            publish(self._state.issuers, bulletin)
            self._published, self._file = bulletin, self._look()
        elif abs(now - self._beaten) < HEARTBEAT:
            return
        beat(self._state.issuers, now)
        self._beaten = now

    def _look(self) -> tuple[int, int] | None:
        try:
            status = self._state.issuers.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size

    def _wanted_at(self, name: str) -> float:
        """When something last spoke for asking: a worker that met an unknown key, or a key file that was changed."""
        file = self._watches[name].issuer.source.jwks_file
        wanted = self._state.wanted / name
        return max(_changed_at(wanted), float("-inf") if file is None else _changed_at(file))


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("-inf")
