"""The vocabulary of guardhouse.yaml: each key once, with the kind of its value and what it means.

From these tables come the decoder, the published JSON Schema and, by a test, the headings of docs/configuration.md.
Which keys are required and what the others default to is said by the structs (document.py, settings.py). To add a key:
a field there, a line here, a row in the docs, and `python -m guardhouse.policy.published` to renew the schema file.
"""

from typing import Any

import msgspec

from guardhouse.model.dialect import NAMES
from guardhouse.policy import kinds
from guardhouse.policy.document import Document, Effect, ModelEntry, PolicyEntry, TargetEntry
from guardhouse.policy.problem import Path, Problem
from guardhouse.policy.reading import Key, ListOf, MapOf, OneOrMore, Reading, Shape, Unread
from guardhouse.policy.sections.abilities import ABILITIES
from guardhouse.policy.sections.capacity import CAPACITY, TIERS
from guardhouse.policy.sections.clients import CLIENTS
from guardhouse.policy.sections.content import CONTENT
from guardhouse.policy.sections.contracts import CONTRACTS
from guardhouse.policy.sections.effects import BUNDLES, EFFECTS
from guardhouse.policy.sections.features import FEATURES
from guardhouse.policy.sections.headers import HEADERS
from guardhouse.policy.sections.hours import HOURS
from guardhouse.policy.sections.identity import IDENTITY
from guardhouse.policy.sections.limits_store import LIMITS_STORE
from guardhouse.policy.sections.may import OPERATIONS
from guardhouse.policy.sections.networks import NETWORKS
from guardhouse.policy.sections.parameters import PARAMETERS
from guardhouse.policy.sections.people import ORIGIN, PEOPLE, SESSIONS
from guardhouse.policy.sections.pins import ALIASES, PIN
from guardhouse.policy.sections.prices import PRICE
from guardhouse.policy.sections.reaching import ADDRESSES, TARGET_TLS, TIMEOUTS
from guardhouse.policy.sections.regions import KEEP_IN, REGIONS
from guardhouse.policy.sections.residency import RESIDENCY
from guardhouse.policy.sections.resilience import BREAKER, HEALTH, HOW, REPEAT, RETRIES, STICKY_BY, WEIGHT
from guardhouse.policy.sections.routes import ROUTES
from guardhouse.policy.sections.signatures import SIGNATURES
from guardhouse.policy.sections.signins import SIGNINS
from guardhouse.policy.sections.suspend import SUSPEND
from guardhouse.policy.sections.when import WHEN
from guardhouse.policy.sections.who import WHO
from guardhouse.policy.settings import Admin, Audit, Deadlines, GrpcListen, Listen, ListenLimits, Metrics, Tls, Upstream
from guardhouse.policy.source import Node

_WAYS: dict[str, Effect] = {"allow": "allow", "deny": "deny", "restrict": "restrict"}

_TLS = Shape(
    Tls,
    {
        "certificate": Key(kinds.FILE, "PEM file with the certificate and its chain; a newer one is used at once."),
        "key": Key(kinds.FILE, "PEM file with the private key."),
        "clients": Key(CLIENTS, "Callers that identify themselves by a certificate."),
    },
)

_DEADLINES = Shape(
    Deadlines,
    {
        "header": Key(kinds.DURATION, "From the first byte of a request to the end of its headers."),
        "body": Key(kinds.DURATION, "From the end of the headers to the end of the body."),
        "idle": Key(kinds.DURATION, "How long a kept connection may wait for its next request."),
        "write": Key(kinds.DURATION, "How long a caller may leave an answer unread."),
    },
)

_LISTEN_LIMITS = Shape(
    ListenLimits,
    {
        "headers": Key(kinds.Whole(1, 1000), "Header lines of a request."),
        "header_bytes": Key(kinds.SIZE, "Size of all headers of a request together."),
        "body": Key(kinds.SIZE, "Size of a request body."),
        "parts": Key(kinds.Whole(1000, 100_000_000), "Objects and strings of a request body; four lists count as one."),
        "minimum_rate": Key(kinds.SIZE, "Bytes per second below which a body is given up."),
        "pipelined": Key(kinds.Whole(1, 1000), "Requests a connection may send before their answers."),
        "connections_per_address": Key(kinds.Whole(1, 1_000_000), "Connections from one client address."),
        "memory": Key(kinds.SIZE, "What a worker holds of requests at a time; at least four times body."),
    },
)

_LISTEN = Shape(
    Listen,
    {
        "address": Key(kinds.ADDRESS, "Where callers connect; port 0 takes a free one."),
        "grpc": Key(
            Shape(GrpcListen, {"address": Key(kinds.ADDRESS, "Where callers connect by gRPC.")}),
            "The port for gRPC; without this key, there is none.",
        ),
        "tls": Key(_TLS, "Serve TLS with this certificate. Required beyond loopback unless plaintext is said."),
        "plaintext": Key(kinds.FLAG, "Say true to serve beyond loopback without TLS, as behind a TLS proxy."),
        "deadlines": Key(_DEADLINES, "How long a caller may take."),
        "limits": Key(_LISTEN_LIMITS, "How much a caller may send."),
        "headers": Key(HEADERS, "Which headers a request may have; without this key, any."),
    },
)

_UPSTREAM = Shape(
    Upstream,
    {
        "connect": Key(kinds.DURATION, "How long a model server may take to be found and to accept a connection."),
        "tls": Key(kinds.DURATION, "How long the handshake of TLS may take."),
        "write": Key(kinds.DURATION, "How long it may leave a request untaken."),
        "first_byte": Key(kinds.DURATION, "How long it may take to begin its answer."),
        "between_bytes": Key(kinds.DURATION, "How long an answer that has begun may pause."),
        "whole": Key(kinds.DURATION, "From sending a request to the end of the answer; without this key, no limit."),
        "idle": Key(kinds.DURATION, "How long an unused connection is kept."),
        "credential_stale": Key(kinds.DURATION, "How long a credential is used whose file cannot be read any more."),
        "connections": Key(kinds.Whole(1, 65_535), "Connections to one target at a time, per worker."),
        "response_body": Key(kinds.SIZE, "Size of an answer that is not streamed."),
        "memory": Key(kinds.SIZE, "What a worker holds of answers at a time; at least four times response_body."),
        "retries": Key(RETRIES, "How much is tried again after a failure."),
    },
)

_ADMIN = Shape(
    Admin,
    {
        "address": Key(kinds.ADDRESS, "Where metrics, health and administration are served."),
        "exposed": Key(kinds.FLAG, "Say true to serve the admin port beyond loopback."),
        "url": Key(ORIGIN, "How browsers reach the admin port, where that is not its address: https://host."),
        "sessions": Key(SESSIONS, "How long people stay signed in."),
        "people": Key(PEOPLE, "Who vouches for people that sign in there, by a name of your choosing."),
    },
)

_AUDIT = Shape(
    Audit,
    {
        "segment": Key(kinds.SIZE, "Size at which the journal begins a new file."),
        "durability": Key(
            kinds.Choice("durability", {"process": "process", "power": "power"}),
            "What a record survives: the death of the process, or the loss of power (one fdatasync per group).",
        ),
    },
)

_METRICS = Shape(
    Metrics,
    {
        "user": Key(kinds.USER_LABEL, "The user label of metrics: the principal's id, none, or one of N buckets."),
        "series": Key(kinds.Whole(10, 10_000_000), "Series kept at most; what comes later is counted together."),
        "region": Key(kinds.SECTION_NAME, "Where who collects them is; here, if they are served on loopback only."),
    },
)

_DIALECT = kinds.Choice("kind", {str(name): name for name in NAMES})

_TARGET = Shape(
    TargetEntry,
    {
        "kind": Key(_DIALECT, "The model server's own API."),
        "speaks": Key(ListOf(_DIALECT), "The APIs in which it takes requests, if not those that its kind implies."),
        "url": Key(kinds.Location(), "Its base URL, without the /v1 of the API."),
        "credential": Key(kinds.Credential(), "What the gateway sends as bearer token: ${env:NAME} or ${file:/path}."),
        "insecure": Key(kinds.FLAG, "Say true to send the credential over http:// beyond loopback."),
        "capacity": Key(CAPACITY, "How much it is given at a time; without this key, as much as comes."),
        "tls": Key(TARGET_TLS, "How https:// is spoken: by whom the server is verified, and what the gateway shows."),
        "addresses": Key(ADDRESSES, "Where the name in url may lead: private, loopback, or address ranges."),
        "timeouts": Key(TIMEOUTS, "How long each phase may take, where that is not as upstream says."),
        "weight": Key(WEIGHT, "How much it gets beside the model's other targets, where the model chooses by that."),
        "breaker": Key(BREAKER, "When it is left alone for a while, as it fails."),
        "health": Key(HEALTH, "How it is asked whether it is well; without this key, it is not asked."),
        "region": Key(kinds.SECTION_NAME, "Where it is, in the operator's own words, for policies to speak of."),
    },
)

_MODEL = Shape(
    ModelEntry,
    {
        "targets": Key(ListOf(kinds.TARGET_NAME), "The targets that serve the model, the preferred one first."),
        "name": Key(kinds.UPSTREAM_NAME, "What the targets call it, if not by its name here."),
        "price": Key(PRICE, "What its tokens cost; needed by budgets of money."),
        "max_output": Key(
            kinds.Whole(1, 2**31 - 1),
            "Tokens of its longest answer; needed by cap_output, and what a budget allows where nobody names a length.",
        ),
        "max_input": Key(
            kinds.Whole(1, 2**31 - 1), "Tokens of its longest input: the most that a budget reserves for one."
        ),
        "preamble": Key(
            kinds.Whole(0, 2**20), "Tokens that its template says by itself, reserved by budgets beside the input."
        ),
        "timeouts": Key(TIMEOUTS, "How long each phase may take for this model, before what its targets say."),
        "choose": Key(HOW, "Who serves it: the first target, by weight, the least busy, or each session its own."),
        "sticky_by": Key(STICKY_BY, "What a session is, with choose: sticky."),
        "repeat": Key(REPEAT, "What may be sent again: what was unsent, or also what is unanswered."),
        "fallback": Key(
            OneOrMore(kinds.MODEL_NAME),
            "Models in its place where no target can be reached, and for tiers with fallback where it is busy.",
        ),
        "keep_in": Key(KEEP_IN, "Where the bytes of its uses may be, whoever uses it."),
        "version": Key(kinds.VERSION, "Its version, for policies to speak of as name@version."),
        "versions": Key(
            ListOf(kinds.VERSION),
            "Versions that callers may ask for where an API has them; the first is asked for if they name none.",
        ),
        "tags": Key(ListOf(kinds.TAG), "Words for policies to speak of it by, as tag:word."),
        "attributes": Key(
            MapOf(kinds.ATTRIBUTE, ListOf(kinds.ATTRIBUTE_VALUE)), "What else there is to say of it, by name."
        ),
        "aliases": Key(ALIASES, "Other names by which callers may ask for it."),
        "pin": Key(PIN, "What its targets may call it in their answers."),
        "contract": Key(kinds.SECTION_NAME, "What its requests and answers must look like, one of contracts."),
        "parameters": Key(PARAMETERS, "Which parameters it gets to see, and what they may be."),
        "content": Key(CONTENT, "How much a request may hold, and what the model server may be made to fetch."),
        "features": Key(ABILITIES, "What of it may be used: on, off, or on for a share of the principals."),
    },
)

_POLICY = Shape(
    PolicyEntry,
    {
        "name": Key(kinds.POLICY_NAME, "Names the policy in records and limit headers; each name once."),
        "effect": Key(
            kinds.Choice("effect", _WAYS),
            "Whether it allows, denies whatever others allow, or only adds what comes with it to what others allow.",
        ),
        "who": Key(WHO, "Whom the policy speaks of: the union of ids, groups, roles and teams, narrowed by the rest."),
        "may": Key(OPERATIONS, "Operations it is about, each by its name or all of a kind: read, infer or administer."),
        "models": Key(
            ListOf(kinds.MODEL_GLOB),
            "Models it is about: names, patterns with * and ?, name@version, tag:word. Left out where none matters.",
        ),
        "when": Key(WHEN, "The circumstances under which it applies; without this key, always."),
        "join": Key(
            MapOf(kinds.ATTRIBUTE, kinds.ATTRIBUTE),
            "What a principal and a model must have in common: its member or attribute, and the model's attribute.",
        ),
        "use": Key(ListOf(kinds.SECTION_NAME), "Bundles whose keys count as if they were written here."),
        "if_feature": Key(kinds.SECTION_NAME, "It speaks only of those for whom this feature is on."),
        **EFFECTS,
    },
)

DOCUMENT = Shape(
    Document,
    {
        "version": Key(kinds.Exactly(1), "The version of this vocabulary."),
        "listen": Key(_LISTEN, "The data port."),
        "upstream": Key(_UPSTREAM, "Patience with model servers."),
        "admin": Key(_ADMIN, "The admin port."),
        "state": Key(kinds.FILE, "The folder for keys, secrets and the journal; relative to this file."),
        "workers": Key(kinds.Whole(1, 256), "Data-path processes. More than one needs limits_store or limits_scope."),
        "limits_scope": Key(
            kinds.Choice("scope", {"process": "process"}),
            "Say process to accept that each worker counts limits for itself.",
        ),
        "limits_store": Key(LIMITS_STORE, "The store in which workers and machines count limits together."),
        "audit": Key(_AUDIT, "The journal."),
        "metrics": Key(_METRICS, "The metrics."),
        "identity": Key(IDENTITY, "Credentials: how long what is known of them counts, and whose tokens are accepted."),
        "suspend": Key(ListOf(SUSPEND, partial=True), "Whom the gateway suspends by itself, after too many refusals."),
        "signins": Key(SIGNINS, "Failed sign-ins, and unusual use of credentials."),
        "tiers": Key(TIERS, "Ranks of callers by name, the one first that is shed last; for targets with a capacity."),
        "networks": Key(NETWORKS, "Address ranges by name, for the conditions of policies."),
        "features": Key(FEATURES, "Switches by name, on, off or on for a share of the principals."),
        "regions": Key(REGIONS, "Where things are, by name, each with its jurisdiction."),
        "residency": Key(RESIDENCY, "Where the gateway is, and what is to be kept where."),
        "hours": Key(HOURS, "Stretches of the week by name, for the conditions of policies."),
        "signatures": Key(SIGNATURES, "Who may sign requests, and what a signature has to say."),
        "contracts": Key(CONTRACTS, "What requests and answers of models must look like, by name."),
        "routes": Key(ROUTES, "Paths of model servers without a dialect of their own, and what stands where."),
        "bundles": Key(BUNDLES, "What may come with policies, by name, to be written once for many."),
        "targets": Key(MapOf(kinds.TARGET_NAME, _TARGET), "Model servers by name."),
        "models": Key(MapOf(kinds.MODEL_NAME, _MODEL), "Models by the name that callers use."),
        "policies": Key(ListOf(_POLICY, partial=True), "What is allowed; whatever no policy allows is denied."),
    },
)

# without these there is nothing that the parts of a configuration could say of each other
_ESSENTIAL = frozenset({"targets", "models", "policies"})


class Decoded(msgspec.Struct, frozen=True):
    document: Document | None  # None: too little was readable to go on with
    unread: frozenset[Path]  # elements and groups that are there but could not be read
    problems: tuple[Problem, ...]
    more: int = 0  # problems that are not among them


def decode(root: Node, file: str) -> Decoded:
    """Read all that can be read; a group of settings that could not be stands at its defaults in `document`."""
    reading = Reading(file)
    parts = DOCUMENT.read_parts(root, (), reading) or {}
    readable: dict[str, Any] = {name: value for name, value in parts.items() if not isinstance(value, Unread)}
    document = Document(**readable) if readable.keys() >= _ESSENTIAL else None
    unread = reading.unread | {(name,) for name, value in parts.items() if isinstance(value, Unread)}
    return Decoded(document, frozenset(unread), tuple(reading.problems), reading.told.more)
