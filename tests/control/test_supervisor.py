"""The supervisor over real processes: each child is a few lines of Python that say what it does."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from guardhouse.control.supervisor import ATTEMPTS, Child, Supervisor

PATIENCE = 20.0  # seconds until a fact must hold; nothing is asserted about how long it took

OBEDIENT = (
    "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('ready', flush=True); time.sleep(60)"
)
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
STILLBORN = "import sys; sys.exit(3)"


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code)


async def until(fact: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not fact():  # noqa: ASYNC110 - facts about other processes have no event
            await asyncio.sleep(0.01)
    assert fact(), what


class Stage:
    """A supervisor, what it said, and the processes it has."""

    def __init__(
        self,
        worker: str = OBEDIENT,
        control: str = OBEDIENT,
        grace: float = PATIENCE,
        silence: float = 2 * PATIENCE,
    ) -> None:
        self.said: list[str] = []
        self.announced = 0
        self.supervisor = Supervisor(
            [Child("w0", python(worker)), Child("w1", python(OBEDIENT))],
            Child("control", python(control)),
            announce=self._announce,
            complain=self.said.append,
            grace=grace,
            silence=silence,
        )

    def _announce(self) -> None:
        self.announced += 1

    def pid(self, name: str) -> int:
        process = self.supervisor._processes.get(name)
        return process.pid if process else 0

    def is_up(self) -> bool:
        return self.supervisor._roll.standings["w0"] == "up"

    def play(self, scene: Callable[["Stage"], Coroutine[Any, Any, None]]) -> int:
        async def whole() -> int:
            running = asyncio.create_task(self.supervisor.run())
            await scene(self)
            return await asyncio.wait_for(running, PATIENCE)

        return asyncio.run(whole())


async def ready(stage: Stage) -> None:
    await until(lambda: stage.announced, "every child is up")


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_it_announces_once_when_all_are_up_and_ends_cleanly() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        assert stage.is_up()
        terminate()

    stage = Stage()
    assert stage.play(scene) == 0
    assert stage.announced == 1
    assert stage.said == []
    assert not stage.is_up()


@pytest.mark.parametrize("name", ["w0", "control"])
def test_a_child_that_is_killed_is_replaced_and_the_others_go_on(name: str) -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        before = {child: stage.pid(child) for child in ("w0", "w1", "control")}
        os.kill(before[name], signal.SIGKILL)
        await until(lambda: stage.pid(name) not in {0, before[name]}, "another process has taken its place")
        assert all(stage.pid(child) == before[child] for child in before if child != name)
        await until(lambda: name != "w0" or stage.is_up(), "it is told to be up again")
        terminate()

    stage = Stage()
    assert stage.play(scene) == 0
    assert stage.announced == 1
    assert stage.said == [f"{name} ended (signal SIGKILL); starting it again at once"]


def test_one_that_had_been_ready_is_replaced_at_once_each_time_and_waits_only_when_it_no_longer_starts(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken"
    sometimes = f"import os, sys\nif os.path.exists({str(broken)!r}): sys.exit(3)\n"

    async def killed(stage: Stage) -> None:
        before = stage.pid("w0")
        os.kill(before, signal.SIGKILL)
        await until(lambda: stage.pid("w0") not in {0, before} and stage.is_up(), "its successor is ready")

    async def scene(stage: Stage) -> None:
        await ready(stage)
        for _ in range(3):
            await killed(stage)
        broken.touch()
        os.kill(stage.pid("w0"), signal.SIGKILL)
        await until(lambda: len(stage.said) == 6, "it has failed to start twice")
        broken.unlink()
        await until(stage.is_up, "it starts again")
        await killed(stage)
        terminate()

    stage = Stage(worker=sometimes + OBEDIENT)
    assert stage.play(scene) == 0
    killed_at_once = "w0 ended (signal SIGKILL); starting it again at once"
    failed = [f"w0 ended (status 3); starting it again in {pause} s" for pause in (0.1, 0.2)]
    assert stage.said == [*[killed_at_once] * 4, *failed, killed_at_once]


def test_a_worker_is_told_to_be_down_until_its_successor_is_ready(tmp_path: Path) -> None:
    once = tmp_path / "once"
    second_waits = (
        f"import os, time\nif os.path.exists({str(once)!r}): time.sleep(60)\nopen({str(once)!r}, 'w').close()\n"
    )

    async def scene(stage: Stage) -> None:
        await ready(stage)
        first = stage.pid("w0")
        os.kill(first, signal.SIGKILL)
        await until(lambda: stage.pid("w0") not in {0, first}, "its successor has begun")
        assert not stage.is_up()
        terminate()

    assert Stage(worker=second_waits + OBEDIENT).play(scene) == 0


@pytest.mark.parametrize("who", ["worker", "control"])
def test_a_child_that_cannot_start_ends_the_start_with_its_name(who: str) -> None:
    async def scene(_stage: Stage) -> None: ...

    stage = Stage(worker=STILLBORN) if who == "worker" else Stage(control=STILLBORN)
    assert stage.play(scene) == 1
    name = "w0" if who == "worker" else "control"
    assert stage.said[-1] == f"{name} ended {ATTEMPTS} times (status 3) before it was ready; giving up"
    assert stage.announced == 0


def test_a_command_that_does_not_exist_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    lost = Child("w0", (str(tmp_path / "nothing"),))
    supervisor = Supervisor([lost], Child("control", python(OBEDIENT)), announce=lambda: None, complain=said.append)
    assert asyncio.run(supervisor.run()) == 1
    assert "w0 cannot be started: No such file or directory" in said


def test_a_worker_that_does_not_end_in_time_is_killed_and_that_is_no_clean_end() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        terminate()

    stage = Stage(worker=STUBBORN, grace=0.2)
    assert stage.play(scene) == 1
    assert stage.said == ["w0 did not end within 0.2 s; killing it"]


def test_a_second_signal_kills_what_is_left() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        terminate()
        await until(lambda: not stage.pid("w1"), "the first signal has ended the obedient worker")
        assert stage.pid("w0")
        terminate()

    assert Stage(worker=STUBBORN).play(scene) == 1


SILENT_AFTER_ITS_FIRST_WORDS = "import time; print('ready', flush=True); print('beat', flush=True); time.sleep(60)"
BEATING = """
import signal, sys, time
signal.signal(15, lambda *_: sys.exit(0))
print('ready', flush=True)
while True:
    print('beat', flush=True)
    time.sleep(0.05)
"""


def test_a_child_that_falls_silent_is_killed_and_replaced_and_one_that_beats_is_not() -> None:
    async def scene(stage: Stage) -> None:
        await ready(stage)
        first, beating = stage.pid("w0"), stage.pid("control")
        await until(lambda: stage.pid("w0") not in {0, first}, "it has a successor")
        assert stage.pid("control") == beating
        terminate()

    stage = Stage(worker=SILENT_AFTER_ITS_FIRST_WORDS, control=BEATING, silence=3.0)
    stage.play(scene)
    assert [line for line in stage.said if line.startswith("w0")][:2] == [
        "w0 has been silent for 3 s; killing it",
        "w0 ended (signal SIGKILL); starting it again at once",
    ]


def test_the_control_process_is_told_who_is_up_and_again_after_its_own_end(tmp_path: Path) -> None:
    log = tmp_path / "told"
    listening = f"""
import os, signal, sys
signal.signal(15, lambda *_: sys.exit(0))
print('ready', flush=True)
while part := os.read(0, 100):
    open({str(log)!r}, 'ab').write(part)
"""

    def heard() -> list[bytes]:
        return log.read_bytes().splitlines() if log.exists() else []

    async def scene(stage: Stage) -> None:
        await ready(stage)
        await until(lambda: {b"w0 up", b"w1 up"} <= set(heard()), "both are told to be up")
        os.kill(stage.pid("w0"), signal.SIGKILL)
        await until(lambda: b"w0 down" in heard()[2:] and heard()[-1] == b"w0 up", "the end and the successor are told")
        log.unlink()
        os.kill(stage.pid("control"), signal.SIGKILL)
        await until(lambda: {b"w0 up", b"w1 up"} <= set(heard()), "its own successor is told of both")
        terminate()

    assert Stage(control=listening).play(scene) == 0


def test_workers_end_before_the_control_process(tmp_path: Path) -> None:
    log = tmp_path / "order"

    def leaving(name: str) -> str:
        farewell = f"lambda *_: (open({str(log)!r}, 'a').write({name!r}), sys.exit(0))"
        return f"import signal, sys, time; signal.signal(15, {farewell}); print('ready', flush=True); time.sleep(60)"

    async def scene(stage: Stage) -> None:
        await ready(stage)
        terminate()

    assert Stage(worker=leaving("w"), control=leaving("c")).play(scene) == 0
    assert log.read_text() == "wc"


def test_a_hangup_is_handed_on_to_the_control_process_alone(tmp_path: Path) -> None:
    heard = tmp_path / "heard"

    def listening(name: str) -> str:
        note = f"lambda *_: open({str(heard)!r}, 'a').write('{name}')"
        return f"import signal; signal.signal(1, {note})\n{OBEDIENT}"  # a sleep goes on after a signal

    async def scene(stage: Stage) -> None:
        await ready(stage)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(heard.exists, "it was heard")
        terminate()

    stage = Stage(worker=listening("w"), control=listening("c"))
    assert stage.play(scene) == 0
    assert heard.read_text() == "c"
    assert stage.said == []


ORPHANAGE = """
import asyncio, sys
from guardhouse.control import parent
from guardhouse.control.supervisor import Child, Supervisor
child = (sys.executable, "-c", sys.argv[1])
supervisor = Supervisor([Child("w0", child)], Child("control", child), announce=lambda: print(supervisor, flush=True),
                        complain=lambda _: None)
asyncio.run(supervisor.run())
"""
BY_THE_KERNEL = "from guardhouse.control import parent; parent.die_with_parent();"
BY_THE_PIPE = "from guardhouse.control import parent; parent.kernel_watches = lambda: False; parent.die_with_parent();"


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells whether a process is gone")
@pytest.mark.parametrize("means", [BY_THE_KERNEL, BY_THE_PIPE], ids=["kernel", "pipe"])
def test_no_child_outlives_a_supervisor_that_is_killed(means: str) -> None:
    child = means + STUBBORN
    with subprocess.Popen([sys.executable, "-c", ORPHANAGE, child], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        line = supervisor.stdout.readline()
        pids = [int(part.rpartition("=")[2]) for part in line.strip(" >]\n").rpartition("[")[2].split(", ")]
        assert len(pids) == 2
        assert not any(gone(pid) for pid in pids)
        supervisor.kill()
    deadline = time.monotonic() + PATIENCE
    while not all(gone(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(gone(pid) for pid in pids)


def test_a_process_started_by_hand_stays() -> None:
    code = "from guardhouse.control.parent import die_with_parent; die_with_parent(); print('stays')"
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert done.stdout == "stays\n"


def test_a_child_whose_supervisor_is_gone_already_does_not_begin() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    code = "from guardhouse.control.parent import die_with_parent; die_with_parent(); print('stays')"
    done = subprocess.run([sys.executable, "-c", code], stdin=reading, capture_output=True, text=True, check=False)
    os.close(reading)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
