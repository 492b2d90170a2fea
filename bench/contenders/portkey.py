"""Portkey's gateway on Node. Streams only work with portkey_preload.cjs in front of it; the file says why."""

import shutil
import sys
from pathlib import Path

from bench.contenders.base import PEERS, Bearing, Contender, Running, UnavailableError, run
from bench.machine import free_port
from bench.process import Process

PACKAGE = "@portkey-ai/gateway"
VERSION = "1.15.2"
PRELOAD = Path(__file__).with_name("portkey_preload.cjs")


class Portkey(Contender):
    name = "portkey"
    label = "Portkey gateway"
    bearing = Bearing(first=50, held=(500,), longer=2, warm=4.0)
    alone = True

    def install(self) -> str:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            raise UnavailableError("Node.js and npm are not installed")
        self.node = node
        home = PEERS / "portkey"
        self.program = home / "node_modules" / PACKAGE / "build" / "start-server.js"
        stamp = home / ".installed"
        if not stamp.exists() or stamp.read_text().strip() != VERSION:
            print(f"installing {PACKAGE}@{VERSION} …", file=sys.stderr, flush=True)
            home.mkdir(parents=True, exist_ok=True)
            quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
            run([npm, "install", "--prefix", str(home), *quiet, f"{PACKAGE}@{VERSION}"])
            stamp.write_text(VERSION + "\n")
        return VERSION

    def start(self, upstream: int, work: Path) -> Running:
        port = free_port()
        command = [self.node, "--require", str(PRELOAD), str(self.program), f"--port={port}", "--headless"]
        environment = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost", "NODE_ENV": "production"}
        headers = (
            ("Authorization", "Bearer " + "k" * 59),
            ("x-portkey-provider", "openai"),
            ("x-portkey-custom-host", f"http://127.0.0.1:{upstream}/v1"),
        )
        return Running(port, headers, Process(command, work, environment))
