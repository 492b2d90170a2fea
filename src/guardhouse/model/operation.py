"""What a caller can ask for. Policies name operations by these words; a dialect maps its routes onto them."""

from enum import Enum


class Operation(Enum):
    CHAT = "chat"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    MODELS_READ = "models.read"
