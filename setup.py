"""Builds the package. With GUARDHOUSE_COMPILE=1 the modules of the data path become C extensions.

The source is the same in both builds: mypyc (a part of mypy, which checks the very same annotations) translates typed
Python. Nothing needs the compiled build; it halves the time that a request spends in Python. See docs/adr/0002.

Compiled are the modules of COMPILED_FOLDERS and COMPILED_FILES that define no msgspec struct: mypyc drops the keywords
of a class statement, and `frozen=True` or `forbid_unknown_fields=True` must not be lost. Entry points and what tests
replace at run time stay as they are.
"""

import os
import sys
from pathlib import Path

from setuptools import setup

SOURCE = Path("src/guardhouse")
COMPILED_FOLDERS = (
    "inspect",
    "limits",
    "limits/shared",
    "path",
    "wire",
    "wire/dialects",
    "wire/dialects/anthropic",
    "wire/dialects/batch",
    "wire/dialects/generic",
    "wire/dialects/kserve",
    "wire/dialects/ollama",
    "wire/dialects/openai",
    "wire/http1",
)
COMPILED_FILES = (
    "audit/chain.py",
    "audit/journal.py",
    "audit/making.py",
    "identity/credentials.py",
    "identity/key_table.py",
    "identity/tokens.py",
    "model/keyed_hash.py",
    "policy/callers.py",
    "policy/conditions.py",
    "policy/decide.py",
    "policy/facts.py",
    "policy/servers.py",
    "policy/visible.py",
    "readers/rows.py",
    "readers/signins.py",
    "readers/tally.py",
    "readers/usage.py",
)
INTERPRETED = (
    "path/grpc_library.py",
    "path/grpc_listening.py",
    "path/grpc_server.py",
    "path/shadow.py",
    "path/worker.py",
)


def compiled_modules() -> list[str]:
    found = [path for folder in COMPILED_FOLDERS for path in sorted((SOURCE / folder).glob("*.py"))]
    found += [SOURCE / name for name in COMPILED_FILES]
    left_out = {SOURCE / name for name in INTERPRETED}
    return [
        str(path)
        for path in found
        if path.name != "__init__.py" and path not in left_out and "msgspec.Struct" not in path.read_text()
    ]


# Nothing of the extension but its entry is called from outside. Told so, the compiler calls its functions directly
# instead of by a table in which another library could replace each of them; that is worth a tenth of a request.
DIRECTLY = ("-fvisibility=hidden", "-fno-plt")
# Half of what mypyc writes says where an exception came from. Told that this is rare, the compiler lays it aside, and
# what runs for every request lies closer together.
UNUSUAL = Path("build/unusual.h")
FAILURES = """
struct _object;
void CPy_AddTraceback(const char *, const char *, int, struct _object *) __attribute__((cold));
void CPy_TypeError(const char *, struct _object *) __attribute__((cold));
void CPy_TypeErrorTraceback(const char *, const char *, int, struct _object *, const char *, struct _object *)
    __attribute__((cold));
void CPy_AttributeError(const char *, const char *, const char *, const char *, int, struct _object *)
    __attribute__((cold));
"""

DESCRIBES = {"dist_info", "egg_info"}  # commands that ask what the package is and build nothing

if os.environ.get("GUARDHOUSE_COMPILE") == "1" and not DESCRIBES.intersection(sys.argv):
    from mypyc.build import mypycify

    os.environ.setdefault("MYPYPATH", "src")
    extensions = mypycify(
        ["--config-file=pyproject.toml", *compiled_modules()],
        opt_level="2",
        debug_level="0",
        group_name="guardhouse",
    )
    UNUSUAL.parent.mkdir(exist_ok=True)
    UNUSUAL.write_text(FAILURES)
    for extension in extensions:
        extension.extra_compile_args += ["-include", str(UNUSUAL.resolve()), *DIRECTLY]
    setup(ext_modules=extensions)
else:
    setup()
