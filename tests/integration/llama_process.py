"""The process that serves the tiny model: llama.cpp's own OpenAI server, on loopback, until its standard input ends.

`python -m integration.llama_process chat|embeddings PORT MODEL_FILE`. Ending with the standard input means that the
server cannot outlive the test run, whichever way that ends.
"""

import sys
from pathlib import Path

import xllamacpp

from integration.tiny_model import CONTEXT, write_model

SLOTS = 4


def parameters(kind: str, port: int, model: Path) -> xllamacpp.CommonParams:
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.model_alias = ["tiny"]
    settings.hostnames = ["127.0.0.1"]
    settings.port = port
    settings.n_ctx = CONTEXT * SLOTS
    settings.n_parallel = SLOTS
    settings.cpuparams.n_threads = 1
    settings.n_threads_http = 32  # a kept-alive connection occupies a thread
    settings.endpoint_slots = True
    settings.use_jinja = True
    if kind == "embeddings":
        settings.embedding = True
        settings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return settings


if __name__ == "__main__":
    path = Path(sys.argv[3])
    write_model(path)
    server = xllamacpp.Server(parameters(sys.argv[1], int(sys.argv[2]), path))
    print("serving", flush=True)
    sys.stdin.read()
