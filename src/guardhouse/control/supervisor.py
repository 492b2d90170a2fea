"""Keeps the processes of a gateway running, and ends them in order.

The supervisor starts one process per worker and one control process, and does nothing else: it holds no key, opens no
port and reads no journal, so there is little in it that can fail. Children are given as commands, so that it knows
nothing of what they do; a child says that it is up, and from then on that its loop turns, by lines on its standard
output (model/pulse.py). Which workers are up it tells the control process (roll.py).

Start: every child must become ready once. One that ends `ATTEMPTS` times before it ever was ends the whole start with
status 1, since what keeps it from starting (a port in use, a damaged journal) will not mend itself. When all are up,
`announce` is called, once.

Later: a child that ends is started again. One that had been ready has its successor at once, however often it happens:
until then nobody is served. Only ends before that make a pause that doubles each time, so that a child that cannot
start any more does not keep a processor busy. The children are independent; the end of one touches no other.

Silence: a child that was ready and then says nothing for `silence` seconds hangs, whatever the cause, and is killed;
its successor closes what it left open. Half the time is waited for twice, so that it was really listened to when this
process itself was held up. A process that hangs inside the kernel ends only when the kernel lets it: until then it has
no successor, as it still holds its port and its journal; the control process is told that it is silent, and the end of
everything waits for it.

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

import msgspec

from guardhouse.control.roll import Caller
from guardhouse.model.pulse import READY

ATTEMPTS = 3
GRACE = 35.0  # seconds; the workers' own, and some for writing down what was cut
CONTROL_GRACE = 5.0
SILENCE = 30.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class Child(msgspec.Struct, frozen=True):
    name: str
    command: tuple[str, ...]


class Supervisor:
    def __init__(
        self,
        workers: Sequence[Child],
        control: Child,
        *,
        announce: Callable[[], None],
        complain: Callable[[str], None],
        grace: float = GRACE,
        silence: float = SILENCE,
    ) -> None:
        self._workers = tuple(workers)
        self._control = control
        self._announce = announce
        self._complain = complain
        self._grace = grace
        self._silence = silence
        self._processes: dict[str, Process] = {}
        self._started: set[str] = set()  # who has been ready at least once
        self._up: set[str] = set()  # whose present process, or last one, has been ready
        self._stopping = asyncio.Event()
        self._killed = False
        self._lifeline = (-1, -1)
        self._roll = Caller([child.name for child in workers])

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
            self._roll.close()
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
            process = await self._start(child)
        except OSError as error:
            self._complain(f"{child.name} cannot be started: {error.strerror}")
            return os.EX_OSERR
        self._processes[child.name] = process
        if self._stopping.is_set():
            _send(process, signal.SIGTERM)
        try:
            await self._listen(child, process)
            return await process.wait()
        finally:
            del self._processes[child.name]
            self._roll.note(child.name, "down")

    async def _start(self, child: Child) -> Process:
        called = self._roll.begin() if child is self._control else -1
        try:
            return await asyncio.create_subprocess_exec(
                *child.command,
                stdin=self._lifeline[0] if called < 0 else called,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        finally:
            if called >= 0:
                os.close(called)

    async def _listen(self, child: Child, process: Process) -> None:
        """Until its output ends. Whoever was ready and is silent twice in a row is killed."""
        assert process.stdout is not None
        silent = 0
        while True:
            try:
                patience = self._silence / 2 if child.name in self._up else None
                line = await asyncio.wait_for(process.stdout.readline(), patience)
            except TimeoutError:
                silent += 1
                self._roll.note(child.name, "silent")
                if silent == 2:
                    self._complain(f"{child.name} has been silent for {self._silence:g} s; killing it")
                    _send(process, signal.SIGKILL)
                continue
            if not line:
                return
            silent = 0
            if line.strip() == READY:
                self._is_up(child)
            if child.name in self._up:
                self._roll.note(child.name, "up")

    def _is_up(self, child: Child) -> None:
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
