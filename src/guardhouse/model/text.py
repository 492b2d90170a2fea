"""A piece of natural-language text inside a JSON document, and where it stands.

A dialect finds the texts of a document; inspection reads them and masking writes back through `holder[key]`, so the
document that was judged is the very object that is serialised afterwards.
"""

from typing import Any

import msgspec


class Text(msgspec.Struct, gc=False):
    """`holder[key] == value`; `role` is who speaks ("system", "user", "assistant", "tool", "other")."""

    value: str
    role: str
    holder: Any  # the dict or list that holds the text
    key: Any  # its key or index there
    escaped: bool = False  # the text is itself JSON source (tool-call arguments): masking must not break its escapes
