"""What `guardhouse doctor` looks at: one function per question, each of which answers with findings.

A finding says what was seen and, unless it is fine, what to do about it. A `problem` keeps the gateway from working
or from being safe, a `warning` will sooner or later. Nothing is changed, sent or printed here: ports are bound for a
moment and targets are connected to without a word.
"""

import resource
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import Literal

import httptools.parser.parser
import hyperscan._hs_ext
import msgspec
import uvloop.loop
from cryptography import x509

from guardhouse.control.ports import obstacle
from guardhouse.control.state import State, StateRefused, exposed_to, load_secrets, lock
from guardhouse.identity.certificate import MALFORMED
from guardhouse.identity.issuer_bulletin import IssuerBulletin
from guardhouse.identity.issuers import Issuer
from guardhouse.identity.mtls import Certificates
from guardhouse.model.bulletin import Bulletin
from guardhouse.policy.settings import Address, Settings, Tls
from guardhouse.policy.snapshot import Snapshot, Target

LEAST_FILES = 4096
LEAST_SPACE = 1024**3  # bytes
CONNECT_WITHIN = 2.0  # seconds
CLOCK_SLACK = 5.0  # seconds
# what is left of a thing when somebody should know that nobody has renewed it; lists are often made for a few days
RENEWED_BEFORE = {"certificate": 14 * 86_400.0, "authorities": 30 * 86_400.0, "revocation lists": 43_200.0}
_ASKED = "they are asked for while the gateway serves; the journal's events say what came of it"
_RELEASED = 1_735_689_600.0  # 2025-01-01: no machine that runs this can rightly show an earlier date

Status = Literal["ok", "warning", "problem"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    subject: str
    status: Status
    seen: str
    remedy: str = ""


def examine(settings: Settings, snapshot: Snapshot) -> Iterator[Finding]:
    state = State(settings.state)
    yield from state_files(state)
    yield secrets(state)
    yield port("data port", settings.listen.address, serving=is_serving(state))
    yield port("admin port", settings.admin.address, serving=is_serving(state))
    yield file_limit(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    yield disk(_existing(settings.state), 4 * settings.audit.segment)
    yield clock(state, time.time())
    yield from certificates(settings.listen.tls, time.time())
    yield from issuers(settings.identity.issuers, state, time.time())
    yield from compiled_parsers()
    yield from (reachable(target) for target in snapshot.targets.values())


def state_files(state: State) -> Iterator[Finding]:
    if not state.root.exists():
        yield Finding("state directory", "ok", f"{state.root} does not exist yet; `guardhouse serve` makes it")
        return
    for path, mode in ((state.root, 700), (state.secrets, 700), (state.store, 600), (state.feed, 600)):
        if path.exists() and (others := exposed_to(path)) is not None:
            yield Finding("state directory", "problem", f"{path} is open to {others}", f"run: chmod {mode} {path}")
            return
    yield Finding("state directory", "ok", f"{state.root} is for its owner only")


def secrets(state: State) -> Finding:
    if not state.pepper.exists() and not state.hash_key.exists():
        return Finding("secrets", "ok", "there are none yet; they are made with the first key or the first start")
    try:
        load_secrets(state)
    except StateRefused as refused:
        seen, _, remedy = str(refused).partition("; ")
        return Finding("secrets", "problem", seen, remedy)
    return Finding("secrets", "ok", "pepper, hash key and token key are there, for their owner only")


def is_serving(state: State) -> bool:
    """Whether a supervisor holds the lock of this state directory."""
    if not (state.run / "supervisor.lock").exists():
        return False
    try:
        descriptor = lock(state)
    except StateRefused:
        return True
    with open(descriptor):  # noqa: PTH123 - a descriptor, closed at once
        return False


def port(subject: str, address: Address, *, serving: bool) -> Finding:
    found = obstacle(address)
    if found is None:
        return Finding(subject, "ok", f"{address} is free")
    if serving:
        return Finding(subject, "ok", f"{address} is in use, and a gateway is serving from this state directory")
    return Finding(subject, "problem", found.seen, found.remedy)


def file_limit(most: int) -> Finding:
    if most == resource.RLIM_INFINITY or most >= LEAST_FILES:
        return Finding("open files", "ok", f"up to {'any number' if most == resource.RLIM_INFINITY else most}")
    remedy = "raise the hard limit: LimitNOFILE=65536 in the unit, or `ulimit -Hn 65536`"
    return Finding("open files", "warning", f"at most {most}, and each connection needs one", remedy)


def disk(folder: Path, journal_needs: int) -> Finding:
    free = shutil.disk_usage(folder).free
    seen = f"{free // 1024**2} MiB free at {folder}"
    if free < journal_needs:
        return Finding("disk", "problem", seen, "make room: without a journal record no request is served")
    if free < LEAST_SPACE:
        return Finding("disk", "warning", seen, "make room: old journal segments can be moved away")
    return Finding("disk", "ok", seen)


def clock(state: State, now: float) -> Finding:
    if now < _RELEASED:
        return Finding(
            "clock", "problem", "the clock is years behind", "set it: keys expire and records are dated by it"
        )
    if state.feed.exists() and state.feed.stat().st_mtime > now + CLOCK_SLACK:
        return Finding("clock", "warning", "the clock is behind the last heartbeat", "check time synchronisation")
    return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(now)))


def certificates(tls: Tls | None, now: float) -> Iterator[Finding]:
    """Whether what has an end is renewed in time: the own certificate, and what callers' certificates rest on."""
    if tls is None:
        return
    try:
        chain = x509.load_pem_x509_certificates(tls.certificate.read_bytes())
        ends = {"certificate": min(each.not_valid_after_utc.timestamp() for each in chain)}
    except MALFORMED:
        yield Finding("certificate", "problem", f"{tls.certificate} holds no certificate", "put it there, as PEM")
        return
    if tls.clients is not None:
        ends |= Certificates(tls.clients).ends
    for name, end in ends.items():
        left, seen = end - now, f"until {time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime(end))}"
        if left <= 0:
            yield Finding(name, "problem", f"ended: {seen}", "renew it: nobody is served by it any more")
        elif left < RENEWED_BEFORE[name]:
            yield Finding(name, "warning", seen, "renew it before that")
        else:
            yield Finding(name, "ok", seen)


def issuers(configured: Mapping[str, Issuer], state: State, now: float) -> Iterator[Finding]:
    """What is known of the issuers whose tokens are accepted; nobody is asked."""
    board = Bulletin(state.issuers, IssuerBulletin)
    board.refresh()
    known = {} if board.current is None else board.current.issuers
    for name, issuer in configured.items():
        told = known.get(name)
        if told is None or told.issuer != issuer.issuer:
            started = board.current is not None
            yield Finding(f"issuer {name}", "problem" if started else "ok", "its keys were never had", _ASKED)
            continue
        age = now - told.fetched_at
        seen = f"{len(told.keys)} keys, had {age / 60:.0f} minutes ago"
        if age >= issuer.stale_after:
            yield Finding(f"issuer {name}", "problem", seen, "its tokens are refused; the journal's events say why")
        elif age > 3 * issuer.refresh:
            yield Finding(f"issuer {name}", "warning", seen, "it does not answer; the journal's events say why")
        else:
            yield Finding(f"issuer {name}", "ok", seen)


def compiled_parsers() -> Iterator[Finding]:
    """The strict parsers are the compiled ones; a stand-in written in Python would not be what was tested."""
    modules: dict[str, ModuleType] = {
        "httptools": httptools.parser.parser,
        "hyperscan": hyperscan._hs_ext,  # noqa: SLF001 - only to see what it is
        "msgspec": msgspec._core,  # noqa: SLF001 - only to see what it is
        "uvloop": uvloop.loop,
    }
    slow = [name for name, module in modules.items() if not is_compiled(module)]
    if slow:
        remedy = "install their wheels again: pip install --force-reinstall --only-binary :all: " + " ".join(slow)
        yield Finding("compiled parsers", "problem", f"not compiled: {', '.join(slow)}", remedy)
    else:
        yield Finding("compiled parsers", "ok", ", ".join(modules))


def is_compiled(module: ModuleType) -> bool:
    return str(module.__file__).endswith(tuple(EXTENSION_SUFFIXES))


def reachable(target: Target) -> Finding:
    subject = f"target {target.name}"
    where = Address(target.host, target.port)
    try:
        socket.create_connection((target.host, target.port), CONNECT_WITHIN).close()
    except OSError as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else error.strerror
        remedy = "start the model server, or correct the target's url"
        return Finding(subject, "problem", f"{where} cannot be reached: {reason}", remedy)
    return Finding(subject, "ok", f"{where} accepts connections")


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
