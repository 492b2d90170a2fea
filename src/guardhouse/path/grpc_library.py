"""grpcio, made silent before it starts: its core writes to the standard error what callers have sent it."""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc.aio

__all__ = ["grpc"]
