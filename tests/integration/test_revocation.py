"""How soon a revocation is felt: by new requests within a second, by streams that are open within five."""

import json
import socket
import time
from pathlib import Path
from typing import Any

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.polling import eventually
from integration.raw_http import request

NEW_REQUESTS = 1.0
OPEN_STREAMS = 5.0
NOTED = 10.0


def listed(gateway: Gateway) -> dict[str, Any]:
    return {each["id"]: each for each in json.loads(gateway.command("keys", "list", "--json").stdout)}


def test_a_revoked_key_gets_nothing_more_and_its_open_streams_end(tmp_path: Path) -> None:
    with RecordingBackend(pause=0.02) as back_end, running(tmp_path, back_end.url) as gateway:
        other = gateway.create_key("alice", "research")
        document = {"model": "tiny", "messages": [{"role": "user", "content": "stream:100000"}], "stream": True}
        headers = {"Authorization": f"Bearer {gateway.key}"}
        with socket.create_connection(gateway.data, timeout=OPEN_STREAMS + 1) as connection:
            connection.sendall(request("POST", "/v1/chat/completions", headers=headers, document=document))
            told = connection.recv(65536)
            assert told.startswith(b"HTTP/1.1 200")
            key_id = gateway.key.split("_")[1]
            assert gateway.command("keys", "revoke", key_id).returncode == 0
            revoked = time.monotonic()
            eventually(lambda: gateway.chat("hello").status == 401, NEW_REQUESTS, "a new request is refused")
            while part := connection.recv(65536):
                told += part
            assert time.monotonic() - revoked < OPEN_STREAMS
        assert b"credential_revoked" in told
        assert told.endswith(b"0\r\n\r\n")
        eventually(lambda: len(back_end.tape.closed) >= 1, 2, "the model server is no longer asked")
        assert gateway.chat("hello", key=other).status == 200
        [ended] = [each for each in gateway.records() if each["kind"] == "closed" and each.get("stream")]
        assert (ended["outcome"], ended["reason"]) == ("failed", "credential_revoked")
        assert listed(gateway)[key_id]["state"] == "revoked"
        eventually(lambda: bool(listed(gateway)[key_id]["last_used_at"]), NOTED, "its last use is noted")
