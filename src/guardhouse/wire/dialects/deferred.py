"""What the path knows of requests that are left at a model server to be carried out later, and of what becomes of them.

A `Deferring` dialect is one whose exchanges upload such requests, order them to be carried out, and look after both.
Each of its routes belongs to one exchange and collects what is found out on the way: `sealed` is what the caller's id
refers to, `through` the operation that the requests need besides, `measured` what they hold. The ids in answers are
rewritten by `take_ids`, which is told how to seal one.

Uploads and what is read back may be large, and are read in pieces: `unread` is what has come of an upload, `first` the
number of requests before the piece that is asked about, and `held` an answer that nobody has judged yet.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.model.sealed import Sealed, SealedKind
from guardhouse.model.text import Text
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.dialect import Dialect, Prepared, Route
from guardhouse.wire.dialects.flow import AnswerStream, MaskerFactory, Whole

Step = Literal["upload", "look", "read", "delete", "order", "check", "cancel"]
Seal = Callable[[SealedKind, str], str]  # makes of a model server's id the one that the caller gets


class Measure:
    """What the requests of one upload hold together, as far as they say it."""

    __slots__ = (
        "endless",
        "inputs",
        "made",
        "most_given",
        "none_wished",
        "requests",
        "size",
        "unbounded",
        "unnamed",
    )

    def __init__(self) -> None:
        self.size = 0  # bytes
        self.requests = 0
        self.inputs = 0
        self.most_given = 0  # tokens, of those whose input has a bound
        self.unbounded = 0  # inputs of the others
        self.made = 0  # tokens of all answers whose length is named
        self.unnamed = 0  # answers whose length is not
        self.none_wished = 0  # answers whose length is named as nothing, which not every model server heeds
        self.endless = False

    def __repr__(self) -> str:
        return f"<Measure of {self.requests} requests>"


class Unread(ABC):
    """The requests of an upload, which are read piece by piece."""

    __slots__ = ("room",)

    room: int  # bytes that it takes in memory, at most, until all of it is judged

    @abstractmethod
    def read(self) -> tuple[Any, bytes] | Denial | None:
        """The next piece as a document, and its encoding; None if there is no more."""

    @property
    @abstractmethod
    def operation(self) -> Operation:
        """That of the requests that were read."""

    @property
    @abstractmethod
    def model(self) -> str:
        """That they are for."""


class DeferredRoute(Route):
    """`given` is the id that the caller has given, empty for an upload. `judged`, `size`, `risk` and `tools` are what
    an upload was judged by."""

    __slots__ = (
        *("expires", "first", "given", "held", "judged", "leaves", "measured", "risk", "sealed", "size", "step"),
        *("through", "tools", "unread"),
    )

    def __init__(  # noqa: PLR0917 - like the route it is
        self, dialect: "Deferring", operation: Operation, path: bytes, method: str, step: Step, given: str
    ) -> None:
        super().__init__(dialect, operation, path)
        self.method = method
        self.deferred = True
        self.step: Step = step
        self.leaves = step in ("upload", "order")  # something at the model server
        self.given = given
        self.expires = 0  # seconds, of an upload
        self.sealed: Sealed | None = None
        self.through: Operation | None = None
        self.judged = ""
        self.size = 0
        self.risk = 0
        self.tools = False
        self.measured: Measure | None = None
        self.unread: Unread | None = None
        self.first = 0
        self.held = b""


class Deferring(Dialect):
    __slots__ = ()

    flowing = b"(nothing)"

    @abstractmethod
    def fits(self, document: Any, route: DeferredRoute) -> Denial | None:
        """Whether what the document says of the thing it refers to is so."""

    @abstractmethod
    def requests(self, document: Any) -> Sequence[dict[str, Any]]:
        """The requests that it brings."""

    @abstractmethod
    def take_measure(self, document: Any, route: DeferredRoute, measured: Measure) -> None:
        """Add what its requests hold."""

    @abstractmethod
    def read_piece(self, encoded: bytes) -> Any:
        """The document of a piece, or of what `encode` made of it."""

    @abstractmethod
    def read_all(self, encoded: bytes) -> Any:
        """The document of all pieces at once, out of what `put_together` made of them."""

    @abstractmethod
    def put_together(self, pieces: Iterable[bytes], route: DeferredRoute) -> bytes:
        """What goes upstream of an upload."""

    @abstractmethod
    def operation_of(self, word: str) -> Operation | None:
        """That of the requests of a sealed thing; None if this dialect has no such."""

    @abstractmethod
    def take_ids(self, document: Any, route: DeferredRoute, seal: Seal) -> bool:
        """Put the caller's ids in the place of the model server's; False if it is not the object that was asked for."""

    @abstractmethod
    def answer_in(self, line: Any) -> Any | None:
        """What a model has answered, in one line of results; None if nothing."""

    @abstractmethod
    def lines_in(self, body: bytes) -> Iterator[list[bytes]] | None:
        """Those of a file that is read back, piece by piece; None if it is none."""

    @abstractmethod
    def may_show(self, body: bytes) -> bool:
        """Whether a file that is read back may hold images, recordings or files."""

    @abstractmethod
    def file_of(self, found: list[bytes]) -> bytes:
        """A file of these lines."""

    # what there is none of, unless a dialect has it

    def is_streamed(self, document: Any, route: Route) -> bool:
        return False

    def uses_tools(self, document: Any) -> bool:
        return False

    def texts(self, document: Any, route: Route) -> list[Text]:
        return []

    def unreadable(self, document: Any, route: Route) -> list[str]:
        return []

    def unknown_fields(self, document: Any, route: Route) -> list[str]:
        return []

    def longest(self, document: Any, route: Route) -> int:
        return 0

    def is_length_named(self, document: Any, route: Route) -> bool:
        return True

    def answers(self, document: Any, route: Route) -> int:
        return 0

    def shorten(self, document: Any, route: Route, most: int, unsaid: int) -> bool:
        return False

    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        return Prepared.AS_IT_WAS

    def usage(self, document: Any, route: Route) -> Usage | None:
        return None

    def finish_reason(self, document: Any, route: Route) -> str:
        return ""

    def stream(self, route: Route, masker: MaskerFactory | None, whole: Whole | None, hide_usage: bool) -> AnswerStream:
        raise AssertionError("no answer to a deferred request flows")

    def answer_locally(self, route: Route, visible: Sequence[str]) -> bytes | None:
        return None

    def is_document(self, content_type: bytes) -> bool:
        return True
