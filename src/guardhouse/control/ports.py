"""Whether a port can be listened on, and what to do if not: asked by `doctor`, and by `serve` before it begins.

Asking means to bind the port for a moment. Somebody may take it between the question and the real thing, so who listens
in the end has to stand a failure all the same; asked before, it is told once, in one sentence, and nothing was started.
"""

import socket

import msgspec

from guardhouse.policy.settings import Address


class PortTaken(OSError):  # noqa: N818 - it names what became of the port
    """A port cannot be listened on; the message is for the operator."""


class Obstacle(msgspec.Struct, frozen=True):
    seen: str
    remedy: str


def obstacle(address: Address) -> Obstacle | None:
    try:
        listen(address).close()
    except OSError as error:
        remedy = f"end what holds it (ss -ltnp 'sport = :{address.port}') or configure another address"
        return Obstacle(f"{address} cannot be listened on: {reason(error)}", remedy)
    return None


def reason(error: OSError) -> str:
    """Without what the library adds in brackets, which is the address once more."""
    return str(error.strerror).partition(" (while")[0]


def listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.create_server((address.host, address.port), family=family)


def keep(address: Address) -> socket.socket:
    """A port that is free, and is given to nobody else as long as this is open; nobody listens on it yet."""
    kept = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that who is to listen can bind it as well
        kept.bind((address.host, address.port))
    except OSError as error:
        kept.close()
        raise PortTaken(f"{address} cannot be listened on: {reason(error)}") from error
    return kept


def ask(ports: dict[str, Address]) -> None:
    """Raises PortTaken with everything that stands in the way of listening on these ports, by their names."""
    told = [f"the {name} {found.seen}; {found.remedy}" for name, at in ports.items() if (found := obstacle(at))]
    if told:
        raise PortTaken("\n".join(told))
