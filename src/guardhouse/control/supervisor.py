"""Keeps the processes of a gateway running, and ends them in order.

The supervisor starts one process per worker and one control process, and does nothing else: it holds no key, opens no
port and reads no journal, so there is little in it that can fail. Children are given as commands, so that it knows
nothing of what they do; a child says that it is up by the line `ready` on its standard output.

Start: every child must become ready once. One that ends `ATTEMPTS` times before it ever was ends the whole start with
status 1, since what keeps it from starting (a port in use, a damaged journal) will not mend itself. When all are up,
`announce` is called, once.

Later: a child that ends is started again. One that had been ready has its successor at once, however often it happens:
until then nobody is served. Only ends before that make a pause that doubles each time, so that a child that cannot
start any more does not keep a processor busy. The children are independent; the end of one touches no other.

End: SIGTERM or SIGINT sends SIGTERM to the workers, which finish what is open; those that take longer than `grace` are
killed; then the control process, last, because revocations and metrics matter until the last answer is out. A second
signal kills everything. Children run in sessions of their own, so a Ctrl-C at a terminal reaches them through here and
not beside it.

SIGHUP is handed on to the control process, which reads the configuration again.
"""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

READY = b"ready"
ATTEMPTS = 3
GRACE = 35.0  # seconds; the workers' own, and some for writing down what was cut
CONTROL_GRACE = 5.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Child(msgspec.Struct, frozen=True):
    name: str
    command: tuple[str, ...]
    mark: Path | None = None  # exists while the child is up


class Supervisor:
    def __init__(
        self,
        workers: Sequence[Child],
        control: Child,
        *,
        announce: Callable[[], None],
        complain: Callable[[str], None],
        grace: float = GRACE,
    ) -> None:
        self._workers = tuple(workers)
        self._control = control
        self._announce = announce
        self._complain = complain
        self._grace = grace
        self._processes: dict[str, Process] = {}
        self._started: set[str] = set()  # who has been ready at least once
        self._up: set[str] = set()  # whose present process, or last one, has been ready
        self._stopping = asyncio.Event()
        self._killed = False
        self._lifeline = (-1, -1)

    def __repr__(self) -> str:
        up = ", ".join(f"{name}={process.pid}" for name, process in sorted(self._processes.items()))
        return f"<Supervisor [{up}]>"

    async def run(self) -> int:
        """Until a signal ends it (0), or a child cannot be started or had to be killed (1)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_end)
        loop.add_signal_handler(signal.SIGHUP, self._asked_to_read)
        self._lifeline = os.pipe()
        keeping = {child.name: loop.create_task(self._keep(child)) for child in (*self._workers, self._control)}
        try:
            stopped = loop.create_task(self._stopping.wait())
            await asyncio.wait([stopped, *keeping.values()], return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            await stopped
            failed = await self._end_all(keeping)
        finally:
            for descriptor in self._lifeline:
                os.close(descriptor)
        return 1 if failed or self._killed else 0

    def _asked_to_end(self) -> None:
        if self._stopping.is_set():
            self._killed = True
            for process in self._processes.values():
                _send(process, signal.SIGKILL)
        self._stopping.set()

    def _asked_to_read(self) -> None:
        """The control process reads the configuration; one that is not up will do so when it is."""
        name = self._control.name
        if name in self._up and name in self._processes:
            _send(self._processes[name], signal.SIGHUP)

    async def _keep(self, child: Child) -> bool:
        """Starts the child as often as needed until the end; False when it cannot be started."""
        failures = 0  # in a row, before it was ready
        pause = 0.0
        while not self._stopping.is_set():
            self._up.discard(child.name)
            code = await self._run_once(child)
            if self._stopping.is_set():
                break
            failures = 0 if child.name in self._up else failures + 1
            if child.name not in self._started and failures >= ATTEMPTS:
                self._complain(f"{child.name} ended {failures} times ({_ending(code)}) before it was ready; giving up")
                return False
            pause = min(max(pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE) if failures else 0.0
            self._complain(f"{child.name} ended ({_ending(code)}); starting it again {_when(pause)}")
            await self._pause(pause)
        return True

    async def _run_once(self, child: Child) -> int:
        try:
            process = await asyncio.create_subprocess_exec(
                *child.command, stdin=self._lifeline[0], stdout=asyncio.subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            self._complain(f"{child.name} cannot be started: {error.strerror}")
            return os.EX_OSERR
        self._processes[child.name] = process
        if self._stopping.is_set():
            _send(process, signal.SIGTERM)
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                if line.strip() == READY:
                    self._is_up(child)
            return await process.wait()
        finally:
            del self._processes[child.name]
            if child.mark is not None:
                child.mark.unlink(missing_ok=True)

    def _is_up(self, child: Child) -> None:
        if child.mark is not None:
            child.mark.touch(mode=0o600)
        newly = child.name not in self._started
        self._started.add(child.name)
        self._up.add(child.name)
        if newly and len(self._started) == len(self._workers) + 1 and not self._stopping.is_set():
            self._announce()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _end_all(self, keeping: dict[str, "asyncio.Task[bool]"]) -> bool:
        """The workers first, the control process last; True when one of them could not be started."""
        await self._end([child.name for child in self._workers], keeping, self._grace)
        await self._end([self._control.name], keeping, CONTROL_GRACE)
        return not all([await task for task in keeping.values()])

    async def _end(self, names: Sequence[str], keeping: dict[str, "asyncio.Task[bool]"], grace: float) -> None:
        for name in names:
            if name in self._processes:
                _send(self._processes[name], signal.SIGTERM)
        _, late = await asyncio.wait([keeping[name] for name in names], timeout=grace)
        for name in names:
            if keeping[name] in late and name in self._processes:
                self._complain(f"{name} did not end within {grace:g} s; killing it")
                self._killed = True
                _send(self._processes[name], signal.SIGKILL)
        if late:
            await asyncio.wait(late)


def _send(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
        process.send_signal(number)


def _when(pause: float) -> str:
    return f"in {pause:g} s" if pause else "at once"


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
