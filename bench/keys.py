"""`python -m bench keys`: a hundred thousand API keys, from the store to the workers and into one answer.

The store is filled, published, and read as a worker reads it, by the gateway's own code. What matters to traffic is the
longest turn of a worker's loop while it reads a new feed, what its memory grows by, and whether identifying a caller
costs more among many keys than among few.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
from sqlalchemy import MetaData, Table, insert

from bench import cpu, machine
from guardhouse.control.publisher import Publisher
from guardhouse.control.store import Store
from guardhouse.identity.api_keys import KeyRecord, digest, key_of, mint
from guardhouse.identity.key_feed import KeyFeed
from guardhouse.identity.key_table import KeyTable
from guardhouse.model.secret import Secret

FEW = 10
MANY = 100_000
_PEPPER = Secret("5a" * 32)
_ASKED = 20_000
_BATCH = 10_000


class Work(msgspec.Struct, frozen=True):
    load_s: float  # CPU
    longest_turn_ms: float  # of the loop, while it reads a feed that replaces another
    rss_mib: float  # what the process grows by


class Figures(msgspec.Struct, frozen=True):
    keys: int
    feed_mib: float
    publish_s: float  # CPU of the control process, at its start
    worker: Work
    few_us: float  # CPU of identifying a caller among FEW keys
    many_us: float  # and among all of them


def record(number: int) -> KeyRecord:
    """As rich as keys are where there are many."""
    return KeyRecord(
        id=f"k{number:011d}",
        digest=secrets.token_bytes(32),
        principal=f"user-{number // 2}@example.com",
        groups=("research", "staff"),
        roles=("user",),
        scopes=("infer",),
        team=f"team-{number % 200}",
        tier="standard",
        owner=f"owner-{number % 500}",
        created_at=1_800_000_000.0 + number,
        expires_at=1_900_000_000.0 if number % 2 else None,
    )


def fill(store: Store, keys: int) -> None:
    """All in one transaction; one key at a time would be one sync at a time."""
    table = Table("api_keys", MetaData(), autoload_with=store.engine)
    members = KeyRecord.__struct_fields__
    with store.engine.begin() as connection:
        for first in range(0, keys, _BATCH):
            numbers = range(first, min(first + _BATCH, keys))
            rows = [{name: getattr(record(number), name) for name in members} for number in numbers]
            connection.execute(
                insert(table), [{**row, "sequence": n + 1} for n, row in zip(numbers, rows, strict=True)]
            )


def publish(store: Store, feed: Path) -> float:
    """CPU seconds."""
    publisher = Publisher(store, feed)
    began = time.process_time()
    publisher.publish(time.time())
    spent = time.process_time() - began
    publisher.close()
    return spent


def work(path: Path, keys: int) -> Work:
    """What a worker does with the feed; in a process of its own, whose memory holds nothing else."""
    resident, began = cpu.resident(os.getpid()), time.process_time()
    feed = KeyFeed(path, _PEPPER)
    feed.load()
    load, grown = time.process_time() - began, cpu.resident(os.getpid()) - resident
    assert len(feed.table) == keys
    fresh = path.with_suffix(".new")
    shutil.copy(path, fresh)
    fresh.replace(path)
    turn = asyncio.run(longest_turn(feed))
    feed.close()
    return Work(load, turn * 1000, grown / 1024**2)


async def longest_turn(feed: KeyFeed) -> float:
    """Read a feed as a worker's sweep does; CPU seconds for which anything else has to wait at most."""
    longest, last = 0.0, time.process_time()
    more = True
    while more:
        more = feed.refresh()
        await asyncio.sleep(0)
        now = time.process_time()
        longest, last = max(longest, now - last), now
    return longest


def identify_us(keys: int) -> float:
    """CPU microseconds of one identification, over callers spread among the keys."""
    pepper = key_of(_PEPPER)
    minted = [mint() for _ in range(min(keys, 1000))]
    presented = [each.key.reveal().encode() for each in minted]
    known = [
        msgspec.structs.replace(record(number), id=each.id, digest=digest(pepper, key))
        for number, (each, key) in enumerate(zip(minted, presented, strict=True))
    ]
    table = KeyTable(pepper, [*map(record, range(keys - len(known))), *known])
    now = 1_800_000_000.0
    for key in presented:
        table.identify(key, now)
    began = time.process_time()
    for number in range(_ASKED):
        table.identify(presented[number % len(presented)], now)
    return (time.process_time() - began) / _ASKED * 1e6


def run(keys: int = MANY) -> Figures:
    machine.settle_on_load_core()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, path = Store(folder / "store.sqlite"), folder / "keys.feed"
        fill(store, keys)
        published = publish(store, path)
        store.close()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            worked = pool.submit(work, path, keys).result()
        size = path.stat().st_size / 1024**2
    return Figures(keys, size, published, worked, identify_us(FEW), identify_us(keys))


def show(found: Figures) -> str:
    worker = found.worker
    return "\n".join(
        (
            f"{found.keys:,} keys: a feed of {found.feed_mib:.0f} MiB",
            f"  the control process publishes them in {found.publish_s:.1f} s of CPU, at its start",
            f"  a worker reads them in {worker.load_s:.2f} s of CPU, and grows by {worker.rss_mib:.0f} MiB",
            f"  while another feed takes its place, the longest turn of the loop is {worker.longest_turn_ms:.1f} ms",
            f"  a caller is identified in {found.few_us:.2f} µs among {FEW} keys, in {found.many_us:.2f} µs among all",
        )
    )
