"""KServe v2 over gRPC as one `Dialect`: the documents of REST, read from and written to protocol buffers.

Only the bytes are others. What is asked for is named by the method; the model is named in the message, so a route gets
to know it when that is read. Methods are asked for as `grpc`, which no HTTP request can be spelled with: on the port
for HTTP there are none of these.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.dialect import DialectName
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.tensors import Tensors
from guardhouse.wire.dialects.dialect import Prepared, Route
from guardhouse.wire.dialects.kserve import about, contents, messages, request
from guardhouse.wire.dialects.kserve.dialect import KServe
from guardhouse.wire.dialects.kserve.messages import INPUTS, OUTPUTS, FaultError
from guardhouse.wire.dialects.kserve.routes import JSON_ONLY, KServeRoute
from guardhouse.wire.dialects.kserve.values import is_name

METHOD = "grpc"
SERVICE = b"/inference.GRPCInferenceService/"
CONTENT_TYPE = b"application/grpc"
_RAW = 1
_INFER = SERVICE + b"ModelInfer"
_ABOUT_MODELS = frozenset((SERVICE + b"ModelReady", SERVICE + b"ModelMetadata"))
_ABOUT_SERVER = frozenset((SERVICE + b"ServerLive", SERVICE + b"ServerReady", SERVICE + b"ServerMetadata"))
METHODS = frozenset((_INFER, *_ABOUT_MODELS, *_ABOUT_SERVER))


class KServeGrpc(KServe):
    __slots__ = ()

    name: DialectName = "kserve-grpc"

    # the bytes

    def read(
        self, headers: Mapping[bytes, bytes], body: bytes | bytearray, route: Route, most: int
    ) -> tuple[Any, bytes] | Denial:
        assert isinstance(route, KServeRoute)
        try:
            document, raw = messages.read_infer(bytes(body), INPUTS, most)
        except FaultError as fault:
            return Denial(Reason.SHAPE_INVALID, str(fault))
        route.split = _RAW if raw else JSON_ONLY
        denial = request.check(document, names_model=True)
        if denial is not None:
            return denial
        return document, messages.write_infer(document, INPUTS, raw=raw)

    def encode(self, document: Any, route: Route) -> bytes:
        assert isinstance(route, KServeRoute)
        return messages.write_infer(document, INPUTS, raw=route.split == _RAW)

    def reread(self, encoded: bytes, route: Route) -> Any:
        return messages.read_infer(encoded, INPUTS)[0]

    def content(self, route: Route) -> bytes:
        return b""

    def is_document(self, content_type: bytes) -> bool:
        return content_type == CONTENT_TYPE

    def read_answer(self, headers: Mapping[bytes, bytes], body: bytes, route: Route) -> tuple[Any, bytes] | None:
        assert isinstance(route, KServeRoute)
        try:
            document, raw = messages.read_infer(body, OUTPUTS)
        except FaultError:
            return None
        route.answer_split = _RAW if raw else JSON_ONLY
        return document, b"\n".join([text.value.encode() for text in contents.answer_texts(document)])

    def encode_answer(self, document: Any, route: Route) -> bytes:
        assert isinstance(route, KServeRoute)
        return messages.write_infer(document, OUTPUTS, raw=route.answer_split == _RAW)

    def answer_content(self, route: Route) -> bytes:
        return b""

    # the request

    def check(self, document: Any, route: Route) -> Denial | None:
        """Its shape was checked before it was written again."""
        name, version = document["model_name"], document.get("model_version", "")
        if not name:
            return Denial(Reason.SHAPE_INVALID, "model_name must be given.", "model_name")
        route.model, route.version = name, version
        return None

    def prepare(self, document: Any, route: Route, upstream_name: str) -> Prepared:
        version = document.get("model_version", "")
        if document["model_name"] == upstream_name and version == route.pinned:
            return Prepared.AS_IT_WAS
        document["model_name"] = upstream_name
        document["model_version"] = route.pinned
        return Prepared.CHANGED

    def upstream_path(self, route: Route, upstream_name: str) -> bytes:
        return _INFER

    # what the gateway says itself

    def error(self, denial: Denial) -> bytes:
        return about.message(denial).encode()

    def ask(self, body: bytes, route: Route) -> Denial | None:
        """The body of a question, which names a model or nothing."""
        if route.path in _ABOUT_SERVER:
            return Denial(Reason.BODY_UNEXPECTED) if body else None
        try:
            name, version = messages.read_name(body)
        except FaultError as fault:
            return Denial(Reason.SHAPE_INVALID, str(fault))
        if not is_name(name):
            return Denial(Reason.SHAPE_INVALID, "name must be the name of a model.", "name")
        route.model, route.version = name, version
        return None

    def answer_locally(self, route: Route, visible: Sequence[str]) -> bytes | None:
        if route.path in _ABOUT_MODELS:
            return None
        if route.path.endswith(b"ServerMetadata"):
            return messages.server(about.NAME, about.PROTOCOL, ())
        return messages.flag(value=True)

    def answer_about(
        self, route: Route, versions: Sequence[str], inputs: Tensors | None, outputs: Tensors | None
    ) -> bytes | None:
        assert route.model is not None
        if route.path.endswith(b"ModelReady"):
            return messages.flag(value=True)
        return messages.model(about.model(route.model, versions, inputs, outputs))


KSERVE_GRPC = KServeGrpc()


def recognise(method: str, path: bytes) -> Route | Reason:
    if method != METHOD:
        return Reason.ROUTE_UNKNOWN
    if path == _INFER:
        return KServeRoute(KSERVE_GRPC, Operation.PREDICT, path, None, "", local=False)
    if path in _ABOUT_MODELS or path in _ABOUT_SERVER:
        return KServeRoute(KSERVE_GRPC, Operation.MODELS_READ, path, None, "", local=True)
    return Reason.ROUTE_UNKNOWN
