"""The order of the demonstration, and how it ends: with 0 only if every scene was as it should be.

`--keep-running` leaves the story out and keeps the setting up until it is interrupted, on the usual ports or, where one
is taken, on a free one; `--json` tells the same in lines of JSON.
"""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import openai

from guardhouse.demo import dialects, records, traffic
from guardhouse.demo.play import Play
from guardhouse.demo.processes import Unexpected
from guardhouse.demo.screen import Lines, Screen, Terminal
from guardhouse.demo.setting import Setting, free_ports, set_up, usual_ports

SCENES = (
    traffic.no_key,
    traffic.allowed,
    traffic.credentials_kept_apart,
    traffic.model_not_permitted,
    traffic.masked_request,
    traffic.masked_answer,
    traffic.masked_stream,
    traffic.embeddings,
    dialects.ollama,
    traffic.tensors,
    traffic.malformed,
    traffic.unknown_route,
    traffic.rate_limited,
    traffic.injection,
    traffic.revoked,
    records.journal,
    records.metrics,
    records.audit,
)


def tell(screen: Screen) -> None:
    started = time.monotonic()
    screen.title("Guardhouse: real traffic through a real gateway on this machine")
    with (
        tempfile.TemporaryDirectory(prefix="guardhouse-demo-") as folder,
        set_up(Path(folder), free_ports()) as setting,
    ):
        screen.says("gateway", f"{setting.gateway}; its admin port: {setting.admin}")
        screen.says("model", f"{setting.model}, a sample server: its answers are canned, there is no model in it")
        play = Play(setting, screen, setting.keys["alice"], setting.keys["bob"])
        screen.says("callers", "alice (group research) and bob (group interns), each with a key of their own")
        for scene in SCENES:
            scene(play)
    took = f"{time.monotonic() - started:.0f} s"
    screen.title(f"All {len(SCENES)} scenes were as they should be ({took}). Next: docs/configuration.md")


def keep_running(screen: Screen) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="guardhouse-serve-") as folder,
        set_up(Path(folder), usual_ports()) as setting,
    ):
        screen.title("Guardhouse is running. Ctrl-C ends it; its keys and its journal are gone then.")
        screen.says("gateway", setting.gateway)
        screen.says("metrics", f"{setting.admin}/metrics")
        screen.says("config", str(setting.folder / "guardhouse.yaml"))
        screen.says("model", "a sample server: its answers are canned, there is no model in it")
        screen.title("Try:")
        screen.verbatim(curl_lines(setting, setting.keys["alice"].value))
        while True:
            signal.pause()


def curl_lines(setting: Setting, key: str) -> list[str]:
    body = '{"model": "sample-large", "messages": [{"role": "user", "content": "Who is our best customer?"}]}'
    return [
        f"curl -i {setting.gateway}/v1/chat/completions \\",
        f"  -H 'authorization: Bearer {key}' \\",
        "  -H 'content-type: application/json' \\",
        f"  -d '{body}'",
    ]


def main(arguments: list[str]) -> int:
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"  # loopback only, whatever the environment names
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that what was started is ended
    screen: Screen = Lines() if "--json" in arguments else Terminal()
    keep = "--keep-running" in arguments
    try:
        if keep:
            keep_running(screen)
        else:
            tell(screen)
    except (Unexpected, openai.OpenAIError) as failure:
        screen.failure(str(failure))
        return 1
    except KeyboardInterrupt:
        return 0 if keep else 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
