"""The JSON Schema of guardhouse.yaml, for editors and for whoever generates configurations.

Derived from the decoder's own tables, so the two agree on keys, kinds and defaults; what needs more than one value to
judge (references between parts, protection that must be said) is left to `guardhouse check`. The file beside this one
is the output, kept in the package; a test compares them. Renew it with `python -m guardhouse.policy.published`.
"""

from pathlib import Path

import msgspec

from guardhouse.policy.reading import Schema
from guardhouse.policy.schema import DOCUMENT

FILE = Path(__file__).with_name("guardhouse.schema.json")


def json_schema() -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "guardhouse.yaml",
        "description": "The configuration of Guardhouse, a secure inference gateway.",
        **DOCUMENT.schema(),
    }


def rendered() -> bytes:
    return msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) + b"\n"


if __name__ == "__main__":
    FILE.write_bytes(rendered())
