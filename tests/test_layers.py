"""Imports go downwards only. The layers stand here, highest first; packages of one layer are strangers to each other.

The source is read with `ast`, nothing is imported. Each rule is a function from the imports of the tree to sentences
that name file, line and what to do instead, so that a red test can be acted upon without reading this file; the second
half shows each rule a tree that breaks it.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

PACKAGE = Path(__file__).parent.parent / "src" / "guardhouse"

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"cli", "demo"}),
    frozenset({"app"}),
    frozenset({"control"}),
    frozenset({"readers"}),
    frozenset({"path"}),
    frozenset({"identity", "policy", "limits", "inspect", "residency"}),
    frozenset({"audit", "wire"}),
    frozenset({"model"}),
)
DEPTH = {part: depth for depth, layer in enumerate(LAYERS) for part in layer}

# one package may use another of its own layer where the pair stands here
NEIGHBOURS = {
    ("policy", "limits"),  # a policy holds rates
    ("policy", "residency"),  # policies say where bytes may be
    ("policy", "identity"),  # settings hold what identification is configured with
}

# which modules alone may import a distribution, and why
RESERVED = {
    "sqlalchemy": (
        (
            "guardhouse.control.store guardhouse.control.standing_store guardhouse.control.revocations "
            "guardhouse.control.revisions guardhouse.control.use_store guardhouse.control.key_acts "
            "guardhouse.control.session_store guardhouse.control.minted_store"
        ),
        "only the store speaks SQL; workers hold none",
    ),
    "typer": ("guardhouse.cli", "only the command line parses arguments"),
    "prometheus_client": ("guardhouse.readers guardhouse.control", "metrics are a reader of the journal"),
    "saml2": ("guardhouse.control.saml", "it is large, optional, and imported only where SAML is configured"),
    "defusedxml": ("guardhouse.control.saml_form", "the same; XML is read nowhere else"),
    "openai": ("guardhouse.demo", "the client library is the demonstration's, not the gateway's"),
    "uvloop": ("guardhouse.app guardhouse.path guardhouse.control", "the event loop belongs to the processes"),
}

# modules that must run with nothing but the standard library beside them
STAND_ALONE = {"guardhouse.audit.verify": "a third party verifies a journal with this one file"}


class Import(msgspec.Struct, frozen=True):
    importer: str
    imported: str
    line: int
    inside: str = ""  # the function that holds it


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, importer: str, known: frozenset[str]) -> Iterator[Import]:
    """`from a import b` is an import of `a.b` where that is a module, of `a` otherwise."""
    for node, function in _walk(ast.parse(source), ""):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, alias.name, node.lineno, function)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                raise AssertionError(f"{importer}:{node.lineno} imports relatively; write the full name of the module")
            for name in {f"{base}.{alias.name}" for alias in node.names}:
                yield Import(importer, name if name in known else base, node.lineno, function)


def _walk(node: ast.AST, function: str) -> Iterator[tuple[ast.AST, str]]:
    for child in ast.iter_child_nodes(node):
        yield child, function
        yield from _walk(child, child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function)


def tree() -> list[Import]:
    files = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
    known = frozenset(files)
    return [found for name, path in files.items() for found in imports_of(path.read_text(), name, known)]


def part_of(module: str) -> str:
    """`guardhouse.path.record` belongs to `path`; the bare package (its version) belongs to nobody."""
    names = module.split(".")
    return names[1] if names[0] == "guardhouse" and len(names) > 1 else ""


def unplaced(imports: list[Import]) -> list[str]:
    parts = {part_of(found.importer) for found in imports} - set(DEPTH) - {"", "__main__"}
    return [f"guardhouse.{part} has no layer: put it into LAYERS of tests/test_layers.py" for part in sorted(parts)]


def upward(imports: list[Import]) -> list[str]:
    wrong = []
    for found in imports:
        above, below = part_of(found.importer), part_of(found.imported)
        if above not in DEPTH or below not in DEPTH or above == below or (above, below) in NEIGHBOURS:
            continue
        if DEPTH[above] >= DEPTH[below]:
            where = "beside" if DEPTH[above] == DEPTH[below] else "above"
            wrong.append(f"{found.importer}:{found.line} imports {found.imported}, but {below} is {where} {above}")
    return wrong


def inside_functions(imports: list[Import]) -> list[str]:
    return [
        f"{found.importer}:{found.line} imports {found.imported} inside {found.inside}(); import it at the head"
        for found in imports
        if found.inside
    ]


def reserved(imports: list[Import]) -> list[str]:
    wrong = []
    for found in imports:
        allowed, why = RESERVED.get(found.imported.split(".")[0], ("", ""))
        if allowed and not any(
            found.importer == place or found.importer.startswith(place + ".") for place in allowed.split()
        ):
            wrong.append(f"{found.importer}:{found.line} imports {found.imported}, kept for {allowed}: {why}")
    return wrong


def dependent(imports: list[Import]) -> list[str]:
    return [
        f"{found.importer}:{found.line} imports {found.imported}, which is not standard library: "
        + STAND_ALONE[found.importer]
        for found in imports
        if found.importer in STAND_ALONE and found.imported.split(".")[0] not in sys.stdlib_module_names
    ]


def cycles(imports: list[Import]) -> list[str]:
    """Follows each module's imports depth first; a module met again on the way down closes a circle."""
    edges: dict[str, list[str]] = {}
    for found in imports:
        if part_of(found.imported):
            edges.setdefault(found.importer, []).append(found.imported)
    circles: list[str] = []
    done: set[str] = set()

    def follow(module: str, trail: list[str]) -> None:
        if module in trail:
            circles.append(" -> ".join([*trail[trail.index(module) :], module]))
        elif module not in done:
            for imported in edges.get(module, []):
                follow(imported, [*trail, module])
            done.add(module)

    for module in sorted(edges):
        follow(module, [])
    return circles


RULES = (unplaced, upward, inside_functions, reserved, dependent, cycles)


def assert_none(wrong: list[str]) -> None:
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_tree_is_found_where_it_is_expected() -> None:
    importers = {part_of(found.importer) for found in tree()}
    assert {"model", "audit", "wire", "policy", "path"} <= importers


def test_every_package_has_a_layer() -> None:
    assert_none(unplaced(tree()))


def test_imports_go_downwards_only() -> None:
    assert_none(upward(tree()))


def test_no_import_hides_inside_a_function() -> None:
    assert_none(inside_functions(tree()))


def test_libraries_stay_where_they_belong() -> None:
    assert_none(reserved(tree()))


def test_the_stand_alone_files_need_the_standard_library_only() -> None:
    assert_none(dependent(tree()))


def test_no_module_imports_itself_by_a_detour() -> None:
    assert_none(cycles(tree()))


def broken(source: str, importer: str) -> list[str]:
    """What the rules say of one module with this source."""
    known = frozenset({importer, "guardhouse.control.store", "guardhouse.path.record", "guardhouse.limits.rate"})
    found = list(imports_of(source, importer, known))
    return [sentence for rule in RULES for sentence in rule(found)]


def test_an_upward_import_is_reported_with_file_and_line() -> None:
    said = broken("\nfrom guardhouse.control import store\n", "guardhouse.path.identity")
    assert said == ["guardhouse.path.identity:2 imports guardhouse.control.store, but control is above path"]


def test_neighbours_are_strangers_unless_the_pair_is_listed() -> None:
    assert broken("import guardhouse.limits.rate", "guardhouse.policy.snapshot") == []
    assert "beside" in broken("import guardhouse.policy.snapshot", "guardhouse.limits.rate")[0]


def test_an_import_inside_a_method_is_reported() -> None:
    said = broken("class A:\n  def b(self):\n    import json\n", "guardhouse.model.secret")
    assert said == ["guardhouse.model.secret:3 imports json inside b(); import it at the head"]


def test_sql_outside_of_the_store_is_reported() -> None:
    assert "only the store speaks SQL" in broken("import sqlalchemy.orm", "guardhouse.path.identity")[0]
    assert broken("import sqlalchemy.orm", "guardhouse.control.store") == []


def test_the_verifier_may_not_even_import_the_model() -> None:
    assert broken("from guardhouse.model import reason", "guardhouse.audit.verify")
    assert broken("import hashlib", "guardhouse.audit.verify") == []


def test_a_circle_is_reported_as_its_path() -> None:
    circle = [Import("guardhouse.path.a", "guardhouse.path.b", 1), Import("guardhouse.path.b", "guardhouse.path.a", 1)]
    assert cycles(circle) == ["guardhouse.path.a -> guardhouse.path.b -> guardhouse.path.a"]


def test_a_package_without_a_layer_is_reported() -> None:
    assert "has no layer" in broken("import json", "guardhouse.attic.box")[0]
