import ast
from pathlib import Path

import msgspec
import pytest

from guardhouse.audit.record import Closed, Opened

SOURCE = Path(__file__).parents[2] / "src" / "guardhouse" / "audit" / "making.py"


@pytest.mark.parametrize(("name", "kind"), [("opened", Opened), ("closed", Closed)])
def test_every_member_is_handed_on_to_its_own_place(name: str, kind: type[msgspec.Struct]) -> None:
    """By its source, as a compiled function takes nothing but the types that it names."""
    (made,) = [
        node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    (step,) = made.body
    assert isinstance(step, ast.Return)
    assert isinstance(step.value, ast.Call)
    assert step.value.keywords == []
    handed_on = [argument.id for argument in step.value.args if isinstance(argument, ast.Name)]
    assert handed_on == [argument.arg for argument in made.args.kwonlyargs] == list(kind.__struct_fields__)
