"""What a model can do that an operator may want to switch: the words of `models.X.features`."""

from typing import Literal, get_args

Ability = Literal[
    "audio",
    "choices",
    "files",
    "hosted_tools",
    "json_mode",
    "json_schema",
    "logprobs",
    "reasoning",
    "stored",
    "streaming",
    "tools",
    "vision",
]
ABILITIES: tuple[Ability, ...] = get_args(Ability)
