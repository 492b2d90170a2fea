"""What a name stands for: asked here, by whoever then connects to one of the answers and to nothing else."""

import asyncio
import socket


async def resolved(host: str, port: int) -> list[str]:
    """By the system's resolver, in its order; an address that is written out stands for itself. OSError: for none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))
