"""How a running gateway changes its policy: what asks for a change, and what becomes of it.

Three things ask. The configuration file has changed: it is looked at in every turn of the control process, and read
when it has stood still for one, so that a file that is just being written is left alone. SIGHUP: the file is read now,
and the secrets are looked up anew even if it has not changed. A request in the history: the command line has entered
one (revisions.py) and waits for the answer.

A change is weighed in a thread, since reading a long configuration takes seconds in which keys have to be published.
If anything is wrong with it, nothing changes: it is said on standard error line by line, as an event, in the metrics
and to whoever asked. Otherwise it enters the history and a new edition is published, which the workers take within a
quarter of a second (path/renewal.py). Settings that are only read at a start keep their values; they are named.
"""

import asyncio
import time
from pathlib import Path

from guardhouse.control.activation import Activation
from guardhouse.control.news import News, slots
from guardhouse.control.revisions import Change, Origin
from guardhouse.control.store import Store
from guardhouse.model.bulletin import publish
from guardhouse.policy.edition import Edition
from guardhouse.policy.load import Loaded, content_of

_SAID = 5  # problems that an answer to a request repeats at most

Stamp = tuple[int, int, int] | None


class Reloader:
    def __init__(
        self,
        activation: Activation,
        edition: Edition,
        published: Path,
        store: Store,
        news: News,
    ) -> None:
        self._activation = activation
        self._revisions = activation.revisions
        self._published = published
        self._store = store
        self._news = news
        self._version = -1  # of the store; the first turn looks at what was asked for before this process was up
        self._stamp: Stamp = None  # of the file as it was last read
        self._seen: Stamp = None  # of the file at the last turn
        self._signalled = False
        self._under_way: asyncio.Task[None] | None = None
        self.edition = edition
        self.file_is_sound = True

    def __repr__(self) -> str:
        return f"<Reloader of {self.edition.active.revision}{', at work' if self._under_way else ''}>"

    def signal(self) -> None:
        """SIGHUP."""
        self._signalled = True
        self.poll(time.time())

    def poll(self, now: float) -> None:
        """Look whether anything asks for a change. An exception of the last one ends the process here."""
        if self._under_way is not None:
            if not self._under_way.done():
                return
            self._under_way.result()
            self._under_way = None
        stamp = _stamp_of(self._activation.config)
        settled, self._seen = stamp == self._seen, stamp
        edited = stamp != self._stamp and settled
        version = self._store.version()
        if edited or self._signalled or version != self._version:
            self._version = version
            signalled, self._signalled = self._signalled, False
            if edited or signalled:
                self._stamp = stamp
            work = self._work(now, read_file=edited or signalled, signalled=signalled)
            self._under_way = asyncio.get_running_loop().create_task(work)

    async def _work(self, now: float, *, read_file: bool, signalled: bool) -> None:
        for change in self._revisions.requested():
            await self._answer(change)
        if read_file:
            await self._read_file("signal" if signalled else "file", now)
        await self._follow_history(now, again=signalled)

    async def _answer(self, change: Change) -> None:
        if change.revision is None:
            self._revisions.accept(change.number)
            return
        source = self._revisions.source(change.revision)
        assert source is not None
        decides = change.slot != "shadow" and change.origin != "rollback"
        weigh = self._activation.weigh_successor if decides else self._activation.weigh
        weighed = await asyncio.to_thread(weigh, source)
        if isinstance(weighed, Loaded):
            self._revisions.accept(change.number)
        else:
            said = "; ".join(str(problem) for problem in weighed[:_SAID])
            self._revisions.refuse(change.number, said)
            self._news.refused(change.origin, change.author, weighed)

    async def _read_file(self, origin: Origin, now: float) -> None:
        config = str(self._activation.config)
        content = content_of(self._activation.config)
        if isinstance(content, bytes):
            news = self._revisions.is_news(config, content)
            if origin == "file" and not news and self.file_is_sound:
                return
            weighed = await asyncio.to_thread(self._activation.weigh_successor, content)
            self._revisions.note_read(config, content)
        else:
            news, weighed = True, content
        self.file_is_sound = isinstance(weighed, Loaded)
        if not isinstance(weighed, Loaded):
            self._news.refused(origin, "", weighed)
            return
        active = self.edition.active.revision
        if weighed.snapshot.revision == active:
            self._news.say(f"{config} says revision {active}, which is active already")
        elif news:
            self._activation.activate(weighed, origin, now)
        else:
            self._news.say(f"{config} has not changed since it was last read; revision {active} stays active")

    async def _follow_history(self, now: float, *, again: bool) -> None:
        """Publish what the history says, if that is something else or the secrets are to be looked up anew."""
        previous = self.edition
        edition = await asyncio.to_thread(self._activation.edition, previous, now)
        if again or slots(edition) != slots(previous):
            publish(self._published, edition)
            self.edition = edition
            self._news.changed(previous, edition, self._revisions.standing())


def _stamp_of(config: Path) -> Stamp:
    try:
        status = config.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
