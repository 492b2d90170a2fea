"""Small worlds to decide in: snapshots of a few lines, and strategies for policies, principals and requests."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.policy.compile import compile_snapshot
from guardhouse.policy.document import Document
from guardhouse.policy.facts import Facts
from guardhouse.policy.schema import decode
from guardhouse.policy.snapshot import Snapshot
from guardhouse.policy.source import parse

MODELS = ["llama-8b", "llama-70b", "qwen"]
OWNERS = {"llama-8b": {"owner": ["a"]}, "qwen": {"owner": ["b", "c"]}}
USES = [operation for operation in Operation if operation.access != "administer"]


def snapshot_of(policies: list[dict[str, Any]], attributes: dict[str, Any] | None = None, **sections: Any) -> Snapshot:
    """Read and compiled as when loading, without the checks: random policies shadow each other."""
    return compile_snapshot(document_of(policies, attributes, **sections), {})


def document_of(policies: list[dict[str, Any]], attributes: dict[str, Any] | None = None, **sections: Any) -> Document:
    keeper = {"name": "keeper", "who": {"groups": ["nobody"]}, "may": ["chat"], "models": ["*"]}
    held = OWNERS if attributes is None else attributes
    document = {
        "targets": {"local": {"kind": "openai", "url": "http://127.0.0.1:8000"}},
        "models": {
            name: {"targets": ["local"], **({"attributes": held[name]} if name in held else {})} for name in MODELS
        },
        "policies": [*policies, keeper],
        **sections,
    }
    decoded = decode(parse(msgspec.json.encode(document), "f").root, "f")
    assert decoded.document is not None
    assert decoded.problems == ()
    return decoded.document


def caller(name: str, *groups: str) -> Principal:
    return Principal(id=name, groups=frozenset(groups), credential_id="c")


FAILS = "size > 0 && 'x' in attributes.nothing"

words = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, min_size=1)
conditions = st.sampled_from(
    [
        {"risk": {"at_least": 5}},
        {"stream": True},
        {"stream": False},
        {"size": {"at_most": "1KiB"}},
        {"cel": "risk >= 5 && stream"},
        {"stream": False, "cel": FAILS},
    ]
)
policies = st.lists(
    st.fixed_dictionaries(
        {
            "effect": st.sampled_from(["allow", "allow", "deny", "restrict"]),
            "who": st.just({"ids": ["*"]}) | st.fixed_dictionaries({"ids": words}, optional={"groups": words}),
            "may": st.lists(st.sampled_from([operation.value for operation in USES]), unique=True, min_size=1),
            "models": st.lists(st.sampled_from([*MODELS, "llama-*", "?wen"]), unique=True, min_size=1),
        },
        optional={"when": conditions, "join": st.sampled_from([{"id": "owner"}, {"groups": "owner"}])},
    ),
    max_size=6,
).map(lambda drawn: [completed(policy, number) for number, policy in enumerate(drawn)])
principals = st.builds(caller, st.sampled_from(["a", "b", "z"]), st.sampled_from(["a", "c", "z"]))
requests = st.builds(Facts, risk=st.sampled_from([0, 5]), stream=st.booleans(), size=st.sampled_from([9, 9999]))
model_names = st.sampled_from([*MODELS, "unknown"])


def completed(policy: dict[str, Any], number: int) -> dict[str, Any]:
    """Made loadable: with what its effect needs, and without what its operations cannot have."""
    infers = policy["may"] != ["models.read"]
    effects: dict[str, dict[str, Any]] = {
        "allow": {"mask": {"entities": []}} if infers else {},
        "deny": {},
        "restrict": {"limits": {"requests": "1/s"}},
    }
    kept = {key: value for key, value in policy.items() if infers or key != "when"}
    return {**kept, "name": f"p{number}", **effects[policy["effect"]]}


narrowings = st.builds(
    Narrowing,
    operations=st.none() | st.frozensets(st.sampled_from(USES), max_size=3),
    models=st.none() | st.frozensets(st.sampled_from(MODELS), max_size=2),
)


uses = st.tuples(st.sampled_from(USES), model_names, requests)
