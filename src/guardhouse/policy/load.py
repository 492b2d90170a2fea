"""From the path of a configuration file to what the processes run on, or to everything that is wrong with it.

The only place here that reads files and the environment; the steps behind it are pure: source (text to tree), schema
(tree to document), checks (what the parts say of each other) and compile (document to settings and snapshot). Bad input
is a value, never an exception. All steps that can say something are asked before anything is returned, so one run shows
everything, in the order of the lines.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from guardhouse.model.secret import Secret
from guardhouse.policy import checks
from guardhouse.policy.compile import compile_settings, compile_snapshot
from guardhouse.policy.document import Document
from guardhouse.policy.problem import Path as ConfigPath
from guardhouse.policy.problem import Problem, Problems, dotted
from guardhouse.policy.references import Reference, resolve
from guardhouse.policy.schema import decode
from guardhouse.policy.sections import clients
from guardhouse.policy.sections.identity import files_of
from guardhouse.policy.settings import Settings
from guardhouse.policy.snapshot import Snapshot
from guardhouse.policy.source import MOST_BYTES, line_of, parse


class Loaded(msgspec.Struct, frozen=True):
    settings: Settings
    snapshot: Snapshot


def load(path: Path, environ: Mapping[str, str] | None = None) -> Loaded | Problems:
    """The configuration at `path`; `environ` stands for the process's own environment unless given."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        return (Problem(str(path), 0, "", f"cannot be read: {error.strerror}"),)
    return load_content(content, path, os.environ if environ is None else environ)


def load_content(content: bytes, path: Path, environ: Mapping[str, str]) -> Loaded | Problems:
    """The same for a text that stands, or is to stand, at `path`."""
    file, base = str(path), path.absolute().parent
    source = parse(content, file)
    decoded = decode(source.root, file)
    problems = [*source.problems, *decoded.problems]
    document = decoded.document
    secrets: dict[Reference, Secret] = {}
    if document is not None:
        found = [*checks.findings(document, decoded.unread), *_unreadable_files(document, base)]
        found += _fetch(document, base, environ, secrets)
        problems += [Problem(file, line_of(source.root, place), dotted(place), message) for place, message in found]
    if document is None or problems:
        return tuple(sorted(problems, key=lambda problem: problem.line))
    return Loaded(compile_settings(document, base), compile_snapshot(document, secrets))


def _fetch(
    document: Document, base: Path, environ: Mapping[str, str], secrets: dict[Reference, Secret]
) -> list[checks.Finding]:
    """Put every secret that the document refers to into `secrets`; what cannot be had is returned."""
    findings: list[checks.Finding] = []
    for name, target in document.targets.items():
        if target.credential is None:
            continue
        secret = resolve(target.credential, base, environ)
        if isinstance(secret, Secret):
            secrets[target.credential] = secret
        else:
            findings.append((("targets", name, "credential"), secret))
    return findings


def _unreadable_files(document: Document, base: Path) -> list[checks.Finding]:
    tls = document.listen.tls
    named: list[tuple[ConfigPath, Path]] = []
    if tls is not None:
        named = [(("listen", "tls", "certificate"), tls.certificate), (("listen", "tls", "key"), tls.key)]
    named += [(("identity", *place), file) for place, file in files_of(document.identity)]
    unreadable = [
        (place, f"the file {file} cannot be read")
        for place, file in named
        if not os.access(base / file, os.R_OK) or not (base / file).is_file()
    ]
    return unreadable if tls is None else [*unreadable, *clients.unusable(tls.clients, base)]
