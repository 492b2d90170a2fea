"""From the path of a configuration file to what the processes run on, or to everything that is wrong with it.

The only place here that reads files and the environment; the steps behind it are pure: source (text to tree), schema
(tree to document), checks (what the parts say of each other) and compile (document to settings and snapshot). Bad input
is a value, never an exception. All steps that can say something are asked before anything is returned, so one run shows
everything, in the order of the lines.

`load` does it all at once. A gateway that runs does it in two steps: the control process reads a document
(`read_document`) and publishes it, and each process looks up the secrets for itself (`resolve_document`), so that no
secret is ever written down between them.
"""

import os
from collections.abc import Iterable, Mapping
from itertools import chain, islice
from pathlib import Path

import msgspec

from guardhouse.model.secret import Secret
from guardhouse.policy import checks
from guardhouse.policy.compile import Secrets, compile_settings, compile_snapshot, revision
from guardhouse.policy.document import Document
from guardhouse.policy.problem import MOST_TOLD, Problem, Problems, bounded, dotted
from guardhouse.policy.problem import Path as ConfigPath
from guardhouse.policy.references import Reference, resolve
from guardhouse.policy.schema import decode
from guardhouse.policy.sections import clients, contracts, people, reaching, signatures
from guardhouse.policy.sections.identity import files_of
from guardhouse.policy.settings import Settings
from guardhouse.policy.shares import NO_SHARES, Shares
from guardhouse.policy.snapshot import Snapshot
from guardhouse.policy.source import MOST_BYTES, Node, line_of, parse


class Loaded(msgspec.Struct, frozen=True):
    settings: Settings
    snapshot: Snapshot
    document: Document
    source: bytes = b""  # the text, where it was read from one


def load(path: Path, environ: Mapping[str, str] | None = None) -> Loaded | Problems:
    """The configuration at `path`; `environ` stands for the process's own environment unless given."""
    content = content_of(path)
    if not isinstance(content, bytes):
        return content
    return load_content(content, path, os.environ if environ is None else environ)


def content_of(path: Path) -> bytes | Problems:
    """The text at `path`, cut where it is too long to be read anyway."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        return (Problem(str(path), 0, "", f"cannot be read: {error.strerror}"),)


def load_content(content: bytes, path: Path, environ: Mapping[str, str]) -> Loaded | Problems:
    """The same for a text that stands, or is to stand, at `path`."""
    base = path.absolute().parent
    judged = _judge(content, str(path), base)
    if judged.document is None:
        return judged.told()
    secrets: dict[Reference, Secret] = {}
    missing = judged.locate(_fetch(judged.document, base, environ, secrets))
    if judged.problems or missing:
        return judged.told(missing)
    return _compiled(judged.document, base, secrets, content)


def read_document(content: bytes, path: Path, base: Path) -> Document | Problems:
    """A document that is sound as far as can be told without its secrets; files are relative to `base`."""
    judged = _judge(content, str(path), base)
    return judged.told() if judged.document is None or judged.problems else judged.document


def resolve_document(
    document: Document, base: Path, environ: Mapping[str, str], shares: Shares = NO_SHARES
) -> Loaded | Problems:
    """What a document that has been read says here and now; only its secrets and files can be missing yet."""
    secrets: dict[Reference, Secret] = {}
    missing = [*_unreadable_files(document, base), *_fetch(document, base, environ, secrets)]
    if missing:
        return tuple(Problem("", 0, dotted(place), message) for place, message in missing)
    return Loaded(compile_settings(document, base), compile_snapshot(document, secrets, shares, base), document)


def _compiled(document: Document, base: Path, secrets: Secrets, source: bytes) -> Loaded:
    return Loaded(compile_settings(document, base), compile_snapshot(document, secrets, base=base), document, source)


def rules_of(document: Document, shares: Shares = NO_SHARES) -> Snapshot:
    """The rules alone, for who answers questions and asks no model: without the credentials of the targets."""
    targets = {name: msgspec.structs.replace(entry, credential=None) for name, entry in document.targets.items()}
    rules = compile_snapshot(msgspec.structs.replace(document, targets=targets), {}, shares)
    return msgspec.structs.replace(rules, revision=revision(document))


def located(content: bytes, file: str, found: Iterable[checks.Finding]) -> Problems:
    """What was found about a text that has been read before, with its lines."""
    root = parse(content, file).root
    return tuple(Problem(file, line_of(root, place), dotted(place), message) for place, message in found)


class _Judged(msgspec.Struct, frozen=True):
    file: str
    root: Node
    document: Document | None
    problems: Problems
    more: int = 0  # that are not among them
    cut: bool = False  # not everything was looked for

    def locate(self, found: Iterable[checks.Finding]) -> Problems:
        return tuple(Problem(self.file, line_of(self.root, place), dotted(place), message) for place, message in found)

    def told(self, besides: Problems = ()) -> Problems:
        """Everything that is wrong, in the order of the lines."""
        return bounded(self.file, self.problems + besides, self.more, at_least=self.cut)


def _judge(content: bytes, file: str, base: Path) -> _Judged:
    source = parse(content, file)
    decoded = decode(source.root, file)
    problems, more = source.problems + decoded.problems, source.more + decoded.more
    read = _Judged(file, source.root, decoded.document, problems, more, cut=decoded.document is None)
    if read.document is None:
        return read
    held, missing, elsewhere = contracts.embedded(read.document.contracts, base)
    told = (*problems, *elsewhere, *read.locate((("contracts", *place), message) for place, message in missing))
    document = msgspec.structs.replace(read.document, contracts=held)
    findings = chain(checks.findings(document, decoded.unread), _unreadable_files(document, base))
    found = list(islice(findings, max(1, MOST_TOLD + 1 - len(told))))
    cut = len(told) + len(found) > MOST_TOLD  # the rest would take longer to find than to be of use
    return msgspec.structs.replace(read, document=document, problems=told + read.locate(found), cut=cut)


def _fetch(
    document: Document, base: Path, environ: Mapping[str, str], secrets: dict[Reference, Secret]
) -> list[checks.Finding]:
    """Put every secret that the document refers to into `secrets`; what cannot be had is returned."""
    findings: list[checks.Finding] = []
    store = document.limits_store
    if store is not None and store.password is not None:
        password = resolve(store.password, base, environ)
        if not isinstance(password, Secret):
            findings.append((("limits_store", "password"), password))
    for place, reference in people.secrets_of(document.admin):
        secret = resolve(reference, base, environ)
        if not isinstance(secret, Secret):
            findings.append((place, secret))
    for place, reference in signatures.secrets_of(document.signatures):
        shared = resolve(reference, base, environ)
        if isinstance(shared, Secret):
            secrets[reference] = shared
            findings += signatures.unusable(place, shared)
        else:
            findings.append((place, shared))
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
    unreadable += people.unusable(document.admin, base)
    for name, target in document.targets.items():
        unreadable += [(("targets", name, *place), wrong) for place, wrong in reaching.unusable(target.tls, base)]
    return unreadable if tls is None else [*unreadable, *clients.unusable(tls.clients, base)]
