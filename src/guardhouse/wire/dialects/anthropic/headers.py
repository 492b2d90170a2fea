"""Which of the caller's headers go to the model server, and how much of them.

`anthropic-version` goes on if it is a date. `anthropic-beta` names features, several with commas between; those of
BETAS go on, in the order in which they came, and others end here: a feature that nobody has looked at stays switched
off. What a listed one adds to a document or a stream is read by this package, or found as an unknown field, or ends a
stream that is masked. Not listed are, with what they do:

- `mcp-tunnels`, `advisor-tool`, `server-side-fallback`, `fallback-credit`: the model server asks servers
  or models that the caller names (request.py refuses their fields as well);
- `message-threads`, `skills`, `files-api`, `agent-memory`, `managed-agents`, `user-profiles`: what is in the request
  depends on what is stored at the model server;
- `compact`, `inline-tools`, `mid-conversation-*`: blocks and events of kinds that are not read here;
- everything else, until somebody has read what it does.
"""

import re
from typing import Final

FORWARDED: Final = frozenset((b"anthropic-version", b"anthropic-beta"))
BETAS: Final = frozenset(
    (
        b"claude-code-20250219",
        b"code-execution-2025-05-22",
        b"computer-use-2024-10-22",
        b"computer-use-2025-01-24",
        b"computer-use-2025-11-24",
        b"context-1m-2025-08-07",
        b"context-management-2025-06-27",
        b"dev-full-thinking-2025-05-14",
        b"extended-cache-ttl-2025-04-11",
        b"fast-mode-2026-02-01",
        b"fine-grained-tool-streaming-2025-05-14",
        b"interleaved-thinking-2025-05-14",
        b"max-tokens-3-5-sonnet-2024-07-15",
        b"mcp-client-2025-04-04",
        b"mcp-client-2025-11-20",
        b"model-context-window-exceeded-2025-08-26",
        b"output-128k-2025-02-19",
        b"output-300k-2026-03-24",
        b"pdfs-2024-09-25",
        b"prompt-caching-2024-07-31",
        b"prompt-caching-scope-2026-01-05",
        b"structured-outputs-2025-11-13",
        b"task-budgets-2026-03-13",
        b"thinking-token-count-2026-05-13",
        b"token-counting-2024-11-01",
        b"token-efficient-tools-2025-02-19",
        b"web-fetch-2025-09-10",
        b"web-search-2025-03-05",
    )
)
_VERSION: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LONGEST: Final = 4096


def forward(name: bytes, value: bytes) -> bytes:
    """What goes on of the value; nothing if it is empty."""
    if name == b"anthropic-version":
        return value if _VERSION.fullmatch(value) else b""
    if len(value) > _LONGEST:
        return b""
    return b",".join([beta for each in value.split(b",") if (beta := each.strip()) in BETAS])
