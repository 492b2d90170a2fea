"""What a model server may have stored that a request can refer to: the words of `models.X.content.stored`."""

from typing import Literal, get_args

StoredKind = Literal[
    "caches",
    "containers",
    "conversations",
    "files",
    "prompts",
    "responses",
    "skills",
    "vector_stores",
]
STORED_KINDS: tuple[StoredKind, ...] = get_args(StoredKind)
