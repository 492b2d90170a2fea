"""Where `guardhouse login` keeps its tokens: a file per gateway, for its owner only, with nothing but the token in it.

So a program that needs one reads a file: `curl -H "authorization: Bearer $(cat FILE)" …`. A file is put in place whole,
with its mode, and never written through a link.
"""

import os
import re
import secrets
from pathlib import Path

from guardhouse.model.secret import Secret


def path_for(gateway: str) -> Path:
    """Under $XDG_CONFIG_HOME, by the gateway's host and port."""
    root = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    name = re.sub(r"[^A-Za-z0-9.-]", "_", gateway.partition("://")[2])
    return Path(root) / "guardhouse" / "tokens" / name


def keep(path: Path, token: Secret) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token.reveal() + "\n")
    fresh.replace(path)


def kept(path: Path) -> Secret | None:
    try:
        return Secret(path.read_text(encoding="ascii").strip())
    except (FileNotFoundError, UnicodeDecodeError):
        return None
