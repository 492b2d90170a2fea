"""`limits_store`: the Valkey or Redis in which several workers or machines count limits together."""

import re
from collections.abc import Iterator

from guardhouse.policy import kinds
from guardhouse.policy.network import is_loopback, parse_address
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, Kind, Reading, Schema, Shape, Unread
from guardhouse.policy.sections.limits import AWAY
from guardhouse.policy.settings import LimitsStore, StoreUrl
from guardhouse.policy.source import Node, Scalar

_PATTERN = r"(redis|rediss|valkey|valkeys)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:/([0-9]{1,5}))?"
_URL = re.compile(_PATTERN)


def parse_store_url(text: str) -> StoreUrl | None:
    match = _URL.fullmatch(text)
    if match is None:
        return None
    address = parse_address(f"{match[2]}:{match[3] or 6379}")
    if address is None or not address.port:
        return None
    return StoreUrl(address.host, address.port, int(match[4] or 0), match[1] in ("rediss", "valkeys"))


class StoreLocation(Kind[StoreUrl]):
    """Never quoted: in many a URL of a store stands its password."""

    def read(self, node: Node, path: Path, reading: Reading) -> StoreUrl | Unread:
        text = node.value if isinstance(node, Scalar) else None
        if not isinstance(text, str):
            return reading.mistyped(node, path, "text")
        wanted = "must be redis://host:port/database, or rediss:// for TLS, without user name and password"
        return parse_store_url(text) or reading.tell(node.line, path, wanted)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{_PATTERN}$"}


LIMITS_STORE = Shape(
    LimitsStore,
    {
        "url": Key(StoreLocation(), "Where it is, redis://host:port/database; rediss:// for TLS."),
        "user": Key(kinds.Text(r"[\x21-\x7e]{1,128}", "a user name"), "The user to sign in as, if not the default."),
        "password": Key(kinds.Credential(), "The password: ${env:NAME} or ${file:/path}."),
        "insecure": Key(kinds.FLAG, "Say true to talk to it beyond loopback without TLS."),
        "away": Key(
            kinds.Choice("treatment", AWAY),
            "What a rule does while the store is away, unless its policy says: open, closed or local.",
        ),
        "machines": Key(kinds.Whole(1, 10_000), "How many machines share the limits; local counts its part of them."),
        "timeout": Key(kinds.DURATION, "How long an answer may take before the store counts as away."),
        "prefix": Key(kinds.Text(r"[A-Za-z0-9:_.-]{1,64}", "a prefix"), "What the names of all its keys begin with."),
        "region": Key(kinds.SECTION_NAME, "Where it is."),
    },
)


def findings(store: LimitsStore | None, workers: int, scope: str | None) -> Iterator[tuple[Path, str]]:
    if workers > 1 and store is None and scope is None:
        yield (
            ("workers",),
            "several workers each count limits for themselves; name a limits_store or say limits_scope: process",
        )
    if store is None:
        return
    if scope is not None:
        yield ("limits_scope",), "has no effect beside limits_store"
    if store.user and store.password is None:
        yield ("limits_store", "user"), "has no effect without a password"
    openly = not store.url.tls and not is_loopback(store.url.host)
    if openly and not store.insecure:
        yield (
            ("limits_store", "url"),
            "what is counted, and the password, would travel unencrypted; use rediss:// or say insecure: true",
        )
    if store.insecure and not openly:
        yield ("limits_store", "insecure"), "has no effect: nothing travels unencrypted beyond this machine"
