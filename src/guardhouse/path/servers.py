"""May the model server connect to the MCP servers that a request names?

Only to those that the model's `content.mcp_servers` names, by host, connector or label. A model server gives what it
likes of the conversation to such a server, so none is let in where rules of residency say where its bytes may be: of a
server that the caller names nobody knows where it is.

The record names the entry by which each was let in, and its name as a keyed hash. The token that the request brings for
it, and the rest of its URL, are the caller's secrets and are not told anywhere.
"""

from guardhouse.audit.record import Server
from guardhouse.inspect.servers import entry_of
from guardhouse.model.asked_server import AskedServer
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.path.targets import bounds_for
from guardhouse.policy.snapshot import Model

_MOST = 16  # on a record


def judge(exchange: Exchange, asked: list[AskedServer], model: Model) -> Verdict:
    allowed = model.rules.content.mcp_servers
    for server in asked:
        if server.fault or entry_of(server, allowed) is None:
            detail = "It would make the model server connect to a server that this model may not use."
            if server.fault and allowed:
                detail = f"It {server.fault}."
            return Denial(Reason.REACH_FORBIDDEN, detail, server.place)
    if asked and bounds_for(exchange, model) is not None:
        return Denial(Reason.REGION_DENIED, "Where such a server is, nobody knows.", asked[0].place)
    return None


def note(exchange: Exchange, asked: list[AskedServer], model: Model, plane: DataPlane) -> None:
    allowed = model.rules.content.mcp_servers
    exchange.servers = tuple(
        [
            Server(entry, plane.hash_key.digest(server.label.encode())[:8].hex())
            for server in asked[:_MOST]
            for entry in entry_of(server, allowed) or ()
        ]
    )
