"""A worker with little memory, its callers, and a caller that reads nothing."""

from playbook import Play, Wire, chat, post

from guardhouse.path.listener import Connection

KIB = 1024
CONFIG = """
listen: {limits: {body: 64KiB, memory: 256KiB}}
upstream: {response_body: 64KiB, memory: 256KiB}
targets:
  local: {kind: openai, url: "http://127.0.0.1:9"}
models:
  small: {targets: [local]}
policies:
  - name: research
    who: {groups: [research], ids: [bob]}
    may: [chat]
    models: [small]
"""
QUEUED = CONFIG.replace("127.0.0.1:9", "127.0.0.1:8").replace(
    '8"}', '8", capacity: {concurrent: 1, queue: {depth: 64, wait: 9s}}}'
)
ALL = 256 * KIB // 8 * 7
LARGE = post(chat("x" * 40 * KIB))
CUT = 300


def is_empty(play: Play) -> bool:
    return (play.plane.memory.held, play.plane.answers.held, play.plane.memory.waiting) == (0, 0, 0)


def later(play: Play, seconds: float) -> float:
    return play.plane.loop_time() + seconds


class Stuffed(Wire):
    """A caller's socket that takes nothing, and says so as an event loop does."""

    caller: Connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data)
        before, self.unsent = self.unsent, self.unsent + len(data)
        if before <= 64 < self.unsent:
            self.caller.pause_writing()

    def drain(self) -> None:
        self.unsent = 0
        self.caller.resume_writing()


def stuffed(play: Play) -> Stuffed:
    wire, caller = Stuffed(), Connection(play.plane)
    wire.caller = caller
    caller.connection_made(wire)
    return wire


def stuffed_pair(play: Play) -> tuple[Wire, Connection]:
    wire = stuffed(play)
    return wire, wire.caller
