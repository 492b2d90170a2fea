"""What would let a caller decide what is the operator's to decide: where a request goes, and which model answers it.

A policy permits a model at the servers of its targets. These fields go around that, whatever a policy says, so that
a request with one of them is refused:

- `fallbacks`, and tools of the family `advisor`: a model that no policy was asked about answers, or is asked;
- `inference_geo`: the region in which the request is worked on.

Servers that the caller names (`mcp_servers`) reach further, too, and are for the rules of the model to admit
(path/servers.py). So do searches, the fetching of pages and images by their address: there the model server's own rules
apply, and a policy can tell that a request has tools.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason

FIELDS = {
    "fallbacks": "It would have other models answer than the one that was asked for.",
    "inference_geo": "The region is the operator's to choose.",
}
_TOOLS = {
    "advisor": "It would ask another model than the one that was asked for.",
}


def judge(document: dict[str, Any]) -> Denial | None:
    for field, why in FIELDS.items():
        if document.get(field):
            return Denial(Reason.REACH_FORBIDDEN, why, field)
    tools = document.get("tools")
    if type(tools) is list:
        for index, tool in enumerate(tools):
            why = _reaching(tool)
            if why:
                return Denial(Reason.REACH_FORBIDDEN, why, f"tools[{index}]")
    return None


def _reaching(tool: Any) -> str:
    kind = tool.get("type") if type(tool) is dict else None
    if type(kind) is not str:
        return ""
    return next((why for family, why in _TOOLS.items() if kind.startswith(family)), "")
