"""`python bare_grpc_proxy.py PORT UPSTREAM`: hands calls on. See bare_grpc.py, which starts it."""

import sys
from typing import Any

import grpc
import grpc.aio
import uvloop


class Handlers:
    """Every method is handed on as it is called."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def service(self, details: Any) -> Any:
        call = self._channel.unary_unary(details.method)

        async def handle(message: bytes, _: Any) -> bytes:
            answer: bytes = await call(message)
            return answer

        return grpc.unary_unary_rpc_method_handler(handle)


async def serve(port: str, upstream: str) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{upstream}") as channel:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Handlers(channel),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2]))
