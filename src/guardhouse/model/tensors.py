"""What a model's tensors must look like: the part of a contract that speaks of inputs and outputs.

Configured with a model's contract (policy/sections/tensors.py), held against requests and answers by the dialects that
have tensors, and told to callers who ask for the metadata of a model.
"""

import msgspec

ANY = -1  # a size of a shape that may be anything


class TensorRule(msgspec.Struct, frozen=True, kw_only=True):
    datatype: str
    shape: tuple[int, ...]
    min: float | None = None
    max: float | None = None
    max_elements: int | None = None
    optional: bool = False


Tensors = dict[str, TensorRule]  # by name
