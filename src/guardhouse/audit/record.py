"""What the journal says of an exchange: the shape of its records.

An exchange that reaches an upstream has two records with the same `id`: `opened`, written before the first byte goes
to the upstream, and `closed`, written before the last byte goes to the caller. An exchange that ends in the gateway has
one: `closed` with `decision: denied` if it was refused, or without a `target` if it was answered from the gateway's own
knowledge (the list of models). An `event` stands by itself. There is no content in a record: texts appear as keyed
hashes and counts, credentials as their public id.

Readers decode only the members they need, so members may be added (here and in making.py); none is renamed or given
another meaning.
The journal adds the last member, `chain`, itself (see journal.py).
"""

from typing import Final, Literal

import msgspec

from guardhouse.model.media import MediaKind
from guardhouse.model.stored import StoredKind
from guardhouse.model.usage import Timing

Decision = Literal["allowed", "denied"]
Outcome = Literal["completed", "denied", "failed", "cancelled", "aborted"]
Would = Literal["deny", "allow", "change"]
Control = Literal["passed", "changed", "blocked", "skipped", "unevaluated"]  # unevaluated: in part, which counted as no
Severity = Literal["notice", "warning", "alert"]

FEW: Final = 64  # hashes that may be kept with an open exchange: those of many short texts outweigh the texts


class Kept(msgspec.Struct, omit_defaults=True, gc=False):
    """What the rules of residency said of an exchange; there is none where no rule spoke of it."""

    by: tuple[str, ...]  # the rules, as `policy support stays`
    within: tuple[str, ...] = ()  # the regions where its content may be, if a rule is about all of it
    withheld: dict[str, int] = {}  # what was taken out for the target alone: kind of bytes -> how often


class Media(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A part of a request or an answer into which nobody has looked."""

    direction: Literal["request", "response"] = "request"
    kind: MediaKind
    place: str
    brought: Literal["inline", "fetched", "stored"]
    declared: str = ""  # its media type as it is said beside it; one that is not known is "other"
    sniffed: str = ""  # as its first bytes show it; empty if they show none that is known
    mislabelled: bool = False  # the bytes are not of the declared type
    malformed: bool = False  # it is to be base64 and does not begin like it
    bytes: int = 0  # decoded
    host: str = ""  # the entry of the model's hosts by which it may be fetched


class Unseen(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """What of an answer no control could look into; where answers are masked, it was refused for that."""

    places: tuple[str, ...] = ()  # the first of them
    kinds: dict[str, int] = {}  # of those that are media: kind -> how many
    media: tuple[Media, ...] = ()  # the first of these


class Server(msgspec.Struct, frozen=True, gc=False):
    """A server that the request would have the model server connect to."""

    host: str  # the entry of the model's `mcp_servers` that lets it in: a host, connector or label
    name: str  # keyed hash of what the request calls it


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What the model server has stored, and the request refers to."""

    kind: StoredKind  # the word of the model's `stored` that lets it be used
    name: str  # keyed hash of its id; empty if it has none


class Opened(msgspec.Struct, tag="opened", tag_field="kind", omit_defaults=True, gc=False):
    """The exchange was admitted and is about to go to `target`."""

    at: float  # Unix time, seconds
    id: str
    principal: str
    credential: str
    client: str  # address of the peer, without port
    operation: str
    model: str
    target: str
    policies: tuple[str, ...]
    revision: str
    flags: tuple[str, ...] = ()  # words that policies put on it
    region: str = ""  # of the target
    kept: Kept | None = None
    stream: bool = False
    bytes_in: int = 0
    prompt_hash: str = ""
    message_hashes: list[str] = []  # of the first texts
    further_texts: int = 0  # those that are more than are hashed one by one
    further_hash: str = ""  # of all of these together
    hash_key: str = ""  # which key the hashes were made with
    char_count: int = 0
    token_estimate: int = 0
    keyword_hits: int = 0
    delimiter_hits: int = 0
    encoded_blobs: int = 0
    risk: int = 0  # 0-10, advisory
    masked: dict[str, int] = {}  # entity -> how many, in the request
    reserved: int = 0  # tokens at most, of budgets that reserve a bound
    reserved_cost: int = 0  # the same of money, in billionths
    media: tuple[Media, ...] = ()  # the first of those that are images, recordings or files
    servers: tuple[Server, ...] = ()  # the first of those that the model server may connect to for it
    stored: tuple[Stored, ...] = ()  # the first of the things stored at the model server that it refers to
    unevaluated: tuple[str, ...] = ()  # the first places of the request that no control could look into


class Shadow(msgspec.Struct, omit_defaults=True, gc=False):
    """What a policy on trial would have decided, where that is something else."""

    revision: str
    would: Would
    reason: str = ""  # code of model.reason, if it would have denied
    changed: list[str] = []  # what would come with the allowance and be otherwise: parts of the grant, model, servers


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One of several tries to have an exchange served."""

    target: str
    outcome: str  # code of model.reason; "completed" of the one that served it
    region: str = ""  # of the target


class Closed(msgspec.Struct, tag="closed", tag_field="kind", omit_defaults=True, gc=False):
    """The exchange has ended. Repeats what a metric or alert needs, so that no reader has to join."""

    at: float
    id: str
    decision: Decision
    outcome: Outcome
    reason: str = ""  # code of model.reason; empty when completed
    detail: str = ""
    status: int = 0  # what the caller was sent; 0 when nothing was
    principal: str = ""  # empty until identified
    credential: str = ""
    client: str = ""
    operation: str = ""
    model: str = ""  # empty unless it is a configured model: junk names never travel
    injections: dict[str, int] = {}  # kind -> how many, in structured parameters, where a policy notes them
    signed_by: str = ""  # the key of the signature that the request carried
    asked: str = ""  # the alias by which it was asked for
    sent: str = ""  # what the target calls it, if something else
    answered: str = ""  # what the answer calls it, if something else than what was sent
    instead_of: str = ""  # the model that was asked for, if this one is its fallback
    target: str = ""
    attempts: list[Attempt] = []  # where more than one was made: all of them
    policies: tuple[str, ...] = ()  # those that allowed it; of a denial, those that denied it, if it was policies
    revision: str = ""
    shadow: Shadow | None = None
    flags: tuple[str, ...] = ()
    region: str = ""  # of the target
    kept: Kept | None = None
    stream: bool = False
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    usage_source: str = ""  # "reported"; "estimated"; "reserved": so much was, and nobody knows what was used of it
    timing: Timing | None = None  # how long the model server says that it took
    cost: int = 0  # of those tokens in billionths of `currency`, where the model has a price
    currency: str = ""
    charged: int = 0  # tokens that budgets were charged with at most, where nobody reported; 0: no others than these
    charged_cost: int = 0  # the same of money
    bytes_out: int = 0
    duration: float = 0.0  # seconds from the request's first byte
    first_byte: float = 0.0  # seconds until the upstream's first body byte
    waited: float | None = None  # seconds that it was held for its turn, a part of both; None: it was not
    risk: int = 0
    media: dict[str, int] = {}  # kind -> how many parts of the request nobody looked into
    masked_request: dict[str, int] = {}  # entity -> how many, as in `opened`
    masked: dict[str, int] = {}  # likewise, in the response
    unseen: Unseen | None = None
    controls: dict[str, Control] = {}  # stage -> what it did; a stage that is missing was not reached


class Event(msgspec.Struct, tag="event", tag_field="kind", kw_only=True, omit_defaults=True, gc=False):
    """Something that happened beside an exchange, or around many: a suspension, a burst of failed sign-ins, a reload.

    `facts` holds names, counts and places; as everywhere in the journal, no content, credential or secret.
    """

    at: float
    name: str  # stable, dotted: "identity.failure_burst"; listed in docs/events.md
    severity: Severity = "notice"
    principal: str = ""
    credential: str = ""
    client: str = ""
    model: str = ""
    by: str = ""  # who brought it about, if a person or program did
    facts: dict[str, str | int | float | bool] = {}


Record = Opened | Closed | Event
