"""What a caller can ask for. Policies name operations by these words; a dialect maps its routes onto them."""

from enum import Enum


class Operation(Enum):
    word: str  # the value, as a plain attribute: reading `.value` is a function call

    def __init__(self, word: str) -> None:
        self.word = word

    __hash__ = object.__hash__  # members are unique; Enum's own hashes the name anew for every look-up

    CHAT = "chat"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    MODELS_READ = "models.read"
