"""The APIs that the gateway speaks, by the words of configuration, records and metrics.

A target has a kind, its server's own API. Some servers speak others beside it: SPOKEN says which are taken for granted,
and `speaks` of a target in the configuration what it is instead.
"""

from typing import Literal, get_args

DialectName = Literal["openai", "anthropic", "ollama", "kserve", "kserve-grpc", "generic"]
NAMES: tuple[DialectName, ...] = get_args(DialectName)

SPOKEN: dict[DialectName, frozenset[DialectName]] = {
    "openai": frozenset(("openai",)),
    "anthropic": frozenset(("anthropic",)),
    "ollama": frozenset(("ollama", "openai")),
    "kserve": frozenset(("kserve",)),
    "kserve-grpc": frozenset(("kserve-grpc",)),
    "generic": frozenset(("generic",)),
}
