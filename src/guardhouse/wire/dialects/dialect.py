"""What the path knows of an API that callers and model servers speak: nothing but this.

A dialect recognises its routes, says which model and which texts a document has, what of it cannot be read, how long
the answer may become, what the upstream gets, and how answers, streams, errors and lists of models look. It decides
nothing: policies speak of operations, and one operation (`chat`) may be asked for in several dialects. Whatever a
dialect does not know how to read it says (`unreadable`), so that a policy that depends on it can refuse.

A dialect has no state; what belongs to one request is its `Route`. A request goes upstream in the dialect it came in
and is never translated, so a target serves a route only if it speaks its dialect (`Target.speaks`).

A new dialect is a package beside this file, a line in table.py, its name and what its targets speak in
`model/dialect.py`, its cases in tests/path/test_dialect_matrix.py, and a section in docs/dialects.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.dialect import DialectName
from guardhouse.model.media import Part, Parts
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret
from guardhouse.model.tensors import Tensors
from guardhouse.model.text import Text
from guardhouse.model.usage import Usage
from guardhouse.wire import json
from guardhouse.wire.dialects.content import judge_content
from guardhouse.wire.dialects.flow import AnswerStream, MaskerFactory, Whole


class Route:
    """One thing that can be asked for in a dialect. `path` is what goes upstream, without the target's base path; a
    `model` or `version` is set where the caller's path names them, and `pinned` is the version that goes upstream.
    `local` routes are answered by the gateway. `deferred` ones are a DeferredRoute (deferred.py)."""

    __slots__ = ("deferred", "dialect", "local", "method", "model", "operation", "path", "pinned", "version")

    def __init__(  # noqa: PLR0917 - made at import for almost every request
        self,
        dialect: "Dialect",
        operation: Operation,
        path: bytes,
        model: str | None = None,
        version: str = "",
        local: bool = False,
    ) -> None:
        self.dialect = dialect
        self.operation = operation
        self.path = path
        self.model = model
        self.version = version
        self.pinned = ""
        self.local = local
        self.method = "POST"  # upstream
        self.deferred = False


class Prepared(Enum):
    """What had to be done to a document before it goes upstream."""

    AS_IT_WAS = 0
    CHANGED = 1
    USAGE_ASKED = 2  # changed, and usage will be told of that the caller did not want


class Dialect(ABC):
    __slots__ = ()

    name: DialectName
    flowing: bytes = b"text/event-stream"  # the content type of answers that flow
    forwarded: frozenset[bytes] = frozenset()  # headers of the caller that go upstream, beside those of every dialect

    payload: str = ""  # the member under which a model's data stand, of which nothing is ever fetched

    # the bytes: JSON, unless a dialect knows more than that

    def read(
        self, headers: Mapping[bytes, bytes], body: bytes | bytearray, route: Route, most: int
    ) -> tuple[Any, bytes] | Denial:
        """The document of a request and the bytes that say the same and nothing else, or why there is none. It may have
        `most` parts (wire/json.py)."""
        return judge_content(headers) or json.decode(body, most)

    def encode(self, document: Any, route: Route) -> bytes:
        """What goes upstream of a document that was changed."""
        return json.encode(document)

    def ask(self, body: bytes, route: Route) -> Denial | None:
        """The body of a request that is answered locally: none, unless a dialect asks its questions there."""
        return Denial(Reason.BODY_UNEXPECTED) if body else None

    def reread(self, encoded: bytes, route: Route) -> Any:
        """The document of what `read` or `encode` returned last: the exchange has to be prepared once more."""
        decoded = json.decode(encoded)
        assert not isinstance(decoded, Denial)
        return decoded[0]

    def weight(self, encoded: bytes, route: Route) -> int:
        """What an exchange with this document takes in memory while it waits."""
        return json.weight(encoded)

    def content(self, route: Route) -> bytes:
        """The header lines that go upstream with what `read` or `encode` returned last."""
        return b"content-type: application/json\r\n"

    def is_document(self, content_type: bytes) -> bool:
        """Whether an answer of this type can be read as a document."""
        return content_type.startswith(b"application/json")

    def read_answer(self, headers: Mapping[bytes, bytes], body: bytes, route: Route) -> tuple[Any, bytes] | None:
        """The document of a whole answer, and bytes in which every text of it stands, for the scan."""
        return json.decode_answer(body)

    def encode_answer(self, document: Any, route: Route) -> bytes:
        return json.encode(document)

    def answer_content(self, route: Route) -> bytes:
        """The header lines, beside its type, that tell the caller how to read the answer that goes to it."""
        return b""

    # the request

    @abstractmethod
    def check(self, document: Any, route: Route) -> Denial | None:
        """Whether it has the shape on which everything below relies."""

    @abstractmethod
    def model(self, document: Any, route: Route) -> str:
        """The name of the model that is asked for, as the caller gave it."""

    @abstractmethod
    def is_streamed(self, document: Any, route: Route) -> bool: ...

    def is_kept(self, document: Any, route: Route, *, mend: bool) -> bool:
        """Whether the model server may keep it because the request does not say that it must not; to `mend` that, it
        is made to say so."""
        return False

    @abstractmethod
    def uses_tools(self, document: Any) -> bool: ...

    def told_texts(self, document: Any) -> Collection[tuple[int, Any]] | None:
        """The places of what was declared to be a text, by the id of what holds each; None where places are known by
        their names."""
        return None

    @abstractmethod
    def texts(self, document: Any, route: Route) -> list[Text]:
        """Every string that can carry content, with who speaks."""

    @abstractmethod
    def unreadable(self, document: Any, route: Route) -> list[str]:
        """Where there is content that no control can look into."""

    def media(self, document: Any, route: Route) -> Sequence[Part | Parts]:
        """Those of the unreadable that are images, recordings, videos or files, for the record."""
        return []

    @abstractmethod
    def unknown_fields(self, document: Any, route: Route) -> list[str]: ...

    # the length of the answer, in tokens

    @abstractmethod
    def longest(self, document: Any, route: Route) -> int:
        """The largest length that any field names, whichever the model server reads; 0 if none does."""

    @abstractmethod
    def is_length_named(self, document: Any, route: Route) -> bool:
        """Whether a field says a length that every model server takes for the answer's."""

    @abstractmethod
    def answers(self, document: Any, route: Route) -> int:
        """How many answers are made; 0 if what comes back is none that a model has made."""

    @abstractmethod
    def shorten(self, document: Any, route: Route, most: int, unsaid: int) -> bool:
        """Lower every length to `most`; if none is named, name the smaller of `most` and `unsaid`. Whether anything
        changed."""

    # the size of the input, in tokens, for budgets that must not be overrun

    def most_given(self, document: Any, encoded: bytes, route: Route) -> int | None:
        """What the model can make of the request at most (bounds.py), without what a template says by itself; None
        where the request does not tell, as of a dialect that has nothing to say here."""
        return None

    def inputs(self, document: Any) -> int:
        """How many inputs the model reads one by one, each as long as its longest."""
        return 1

    def is_endless(self, document: Any) -> bool:
        """Whether the model server goes on by itself, in as many rounds as it likes."""
        return False

    # what goes upstream

    @abstractmethod
    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        """Make the document the upstream's own. For another upstream it may be called again."""

    def upstream_path(self, route: Route, upstream_name: str) -> bytes:
        return route.path

    def forward(self, name: bytes, value: bytes) -> bytes:
        """What goes on of a header that is among `forwarded`; without a value it does not."""
        return value

    def credential(self, secret: Secret) -> str:
        """The header that proves the gateway to a target of this kind."""
        return f"authorization: Bearer {secret.reveal()}"

    # the answer

    @abstractmethod
    def usage(self, document: Any, route: Route) -> Usage | None: ...

    @abstractmethod
    def finish_reason(self, document: Any, route: Route) -> str:
        """One of a closed list of words, "other", or empty: it is the label of a metric."""

    @abstractmethod
    def unreadable_answer(self, document: Any, route: Route) -> list[str]: ...

    def answer_media(self, document: Any, route: Route) -> Sequence[Part | Parts]:
        """Those of the unreadable that are images, recordings, videos or files."""
        return []

    @abstractmethod
    def answer_texts(self, document: Any, route: Route) -> list[Text]: ...

    @abstractmethod
    def drop_fragments(self, document: Any) -> None:
        """Remove what would spell out a text that was masked (logprobs, token ids)."""

    @abstractmethod
    def stream(self, route: Route, masker: MaskerFactory | None, whole: Whole | None, hide_usage: bool) -> AnswerStream:
        """The reader of an answer that flows: judging every event with a masker, letting them pass without."""

    # what the gateway says itself

    @abstractmethod
    def error(self, denial: Denial) -> bytes: ...

    @abstractmethod
    def answer_locally(self, route: Route, visible: Sequence[str]) -> bytes | None:
        """The answer to a `local` route, from the models that this caller may see; None if it asks for another."""

    def misfit(self, document: Any, side: str, tensors: Tensors) -> str | None:
        """Where the `side` ("inputs" or "outputs") of a document does not fit the tensors of a contract."""
        return f"{side} cannot be held to a contract in this API"

    def answer_about(
        self, route: Route, versions: Sequence[str], inputs: Tensors | None, outputs: Tensors | None
    ) -> bytes | None:
        """The answer to a `local` route about one model that this caller may see and that is served in this dialect;
        None from dialects that tell nothing of a model but its name."""
        return None
