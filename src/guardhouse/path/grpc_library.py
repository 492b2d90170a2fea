"""grpcio, made silent before it starts: its core and its Python both write what callers have sent them.

What is private in it, `cygrpc`, is used in grpc_server.py and grpc_upstream.py alone.
"""

import logging
import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc.aio
from grpc._cython import cygrpc

__all__ = ["cygrpc", "grpc"]

logging.getLogger("grpc").setLevel(logging.CRITICAL + 1)
