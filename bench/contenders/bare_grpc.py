"""The floor of a gateway for gRPC on grpcio: one worker of it that hands every call on and looks at nothing.

The same library on both sides and in the same manner as its documentation shows, a handler for any method and one
channel, with the loop that Guardhouse uses. It identifies nobody, reads no message and writes no record.
"""

from pathlib import Path

from bench.contenders.base import Contender, Running
from bench.contenders.guardhouse import SOURCE, environment_of
from bench.interpreter import chosen
from bench.machine import free_port
from bench.process import Process

PROGRAM = Path(__file__).with_name("bare_grpc_proxy.py")


class BareGrpc(Contender):
    name = "grpcio-bare"
    label = "grpcio, a bare proxy"

    def install(self) -> str:
        self.environment = environment_of(SOURCE)
        return "no control"

    def start(self, upstream: int, work: Path) -> Running:
        port = free_port()
        command = chosen().command(str(PROGRAM), str(port), str(upstream))
        return Running(port, (), Process([*command], work, self.environment))
