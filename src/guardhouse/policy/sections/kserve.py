"""What the configuration says of KServe v2: the port for gRPC, the targets behind it, names that stand in a path."""

from collections.abc import Iterator

from guardhouse.model.dialect import SPOKEN
from guardhouse.policy.document import Document, ModelEntry
from guardhouse.policy.network import is_loopback
from guardhouse.policy.problem import Path
from guardhouse.policy.sections.parameters import Parameters
from guardhouse.policy.settings import Address, Listen
from guardhouse.wire.dialects.kserve.routes import NAME

Finding = tuple[Path, str]
_GRPC = "kserve-grpc"


def exposure(listen: Listen, admin: Address) -> Iterator[Finding]:
    assert listen.grpc is not None
    address = listen.grpc.address
    if address in (listen.address, admin) and address.port:
        yield ("listen", "grpc", "address"), "is the address of another port"
    if listen.tls is None and not listen.plaintext and not is_loopback(address.host):
        yield (
            ("listen", "grpc", "address"),
            "callers beyond this machine need listen.tls; say listen.plaintext: true if something else does TLS",
        )


def targets(document: Document) -> Iterator[Finding]:
    for name, entry in document.targets.items():
        spoken = SPOKEN[entry.kind] if entry.speaks is None else frozenset(entry.speaks)
        if (_GRPC in spoken) != (entry.kind == _GRPC):
            yield ("targets", name, "speaks"), "gRPC is spoken by targets of the kind kserve-grpc, and nothing else is"
        elif entry.kind == _GRPC and document.listen.grpc is None:
            yield ("targets", name, "kind"), "nobody can ask for it: there is no listen.grpc"
        elif entry.kind == _GRPC and entry.url.path:
            yield ("targets", name, "url"), "has a path, and gRPC has none"
        elif entry.kind == _GRPC and entry.tls is not None and entry.tls.minimum != "1.2":
            yield ("targets", name, "tls", "minimum"), "has no effect over gRPC, which takes TLS 1.2 as well"


def names(name: str, model: ModelEntry, document: Document) -> Iterator[Finding]:
    """Names that stand in a path of KServe cannot have every character that others can."""
    spoken: set[str] = set()
    for entry in (document.targets[target] for target in model.targets if target in document.targets):
        spoken |= SPOKEN[entry.kind] if entry.speaks is None else set(entry.speaks)
    if "kserve" in spoken and NAME.fullmatch(model.name or name) is None:
        place: Path = ("models", name, "name") if model.name else ("models", name)
        yield place, "is no name for kserve: letters, digits and . _ : @ + -, a letter or digit first"
    if model.versions and spoken.isdisjoint(("kserve", _GRPC)) and spoken:
        yield ("models", name, "versions"), "has no effect: no target of the model speaks kserve or kserve-grpc"
    if model.parameters is not None and not spoken.isdisjoint(("kserve", _GRPC)):
        for place, message in _parameters(model.parameters, spoken):
            yield ("models", name, "parameters", *place), message


def _parameters(parameters: Parameters, spoken: set[str]) -> Iterator[Finding]:
    """What rules for parameters cannot do with documents that have no room for more."""
    for name, rule in parameters.rules.items():
        if rule.set is not None or rule.default is not None:
            yield ("rules", name), "cannot be put into a request of KServe; leave set and default out"
    if parameters.allow is not None and _GRPC in spoken:
        yield ("allow",), "would refuse every request over gRPC; say in rules what is to be refused"
