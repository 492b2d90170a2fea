"""The evaluating library without its command line.

`import cel` brings the library's own command line with it, 30 MB and 0.2 s that every worker would pay. Only its
extension module is loaded here, from where the package is installed. Were a release laid out in another way, this would
fail at the start of every process and every test, never in the middle of a decision.
"""

from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType


def _extension() -> ModuleType:
    package = find_spec("cel")
    if package is None:
        raise ImportError("the package common-expression-language is missing")
    found = PathFinder.find_spec("cel.cel", package.submodule_search_locations)
    if found is None or found.loader is None:
        raise ImportError("the package common-expression-language has no extension module cel.cel")
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


_loaded = _extension()
compile_expression = _loaded.compile
evaluate = _loaded.evaluate
