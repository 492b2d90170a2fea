"""The servers that the integration tests share: llama.cpp for text, another for embeddings, and a gateway."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.gateway import EVERY_OPERATION, Gateway, running
from integration.llama import Llama, serving
from integration.openid_provider import install


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llama]:
    with serving("chat", tmp_path_factory.mktemp("llama")) as server:
        yield server


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llama]:
    with serving("embeddings", tmp_path_factory.mktemp("embedder")) as server:
        yield server


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, llama: Llama, embedder: Llama) -> Iterator[Gateway]:
    changes = {
        "targets": {"vectors": {"kind": "openai", "url": embedder.origin}},
        "models": {"tiny-embed": {"targets": ["vectors"]}, "renamed": {"targets": ["local"], "name": "tiny"}},
        "policies": [
            {
                "name": "research",
                "who": {"groups": ["research"]},
                "may": EVERY_OPERATION,
                "models": ["tiny", "tiny-embed", "renamed"],
            },
            {
                "name": "nothing masked",
                "who": {"groups": ["unmasked"]},
                "may": EVERY_OPERATION,
                "models": ["tiny"],
                "mask": {"entities": [], "where": ["request", "response"]},
            },
            {
                "name": "only chat",
                "who": {"ids": ["carol"]},
                "may": ["chat", "models.read"],
                "models": ["tiny"],
            },
            {
                "name": "two a minute",
                "who": {"ids": ["bob"]},
                "may": ["chat"],
                "models": ["tiny"],
                "limits": {"requests": "2/min"},
            },
        ],
    }
    with running(tmp_path_factory.mktemp("gateway"), llama.origin, changes) as started:
        yield started


@pytest.fixture(scope="session")
def openid_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the OpenID provider is installed."""
    return install(tmp_path_factory.mktemp("openid"))
