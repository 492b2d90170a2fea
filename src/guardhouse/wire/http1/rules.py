"""What a request head must look like before anybody believes it: the rules that llhttp does not enforce.

llhttp (through httptools, without leniencies) already refuses conflicting or repeated lengths, obs-fold, bare CR or LF,
control characters, white space before a colon and unknown transfer codings. This file adds what a gateway must not
leave open:

- one reading of the target: origin form only, visible ASCII, no fragment, no backslash;
- one spelling of the request line: llhttp also takes RTSP for HTTP and any number of spaces for one;
- no CONNECT: a tunnel is not inspected;
- one Host, of the form host[:port] (RFC 9110 section 7.2); it is checked and then never used for a decision;
- headers that carry a decision (credentials, framing, content type …) appear once. Other repeated fields are joined as
  RFC 9110 section 5.3 says, and none of them is forwarded unless it is on the forwarding list of `path.upstream`;
- a header that spells one of the former with underscores is an attempt to be read differently by somebody behind us;
- HTTP/1.0 has no transfer codings (a back end that ignores one would see a second request in the body);
- an upgrade, of whatever kind, would turn the connection into something that is not inspected.

The functions are pure, which is why `request` may keep what `judge_fields` said of the last head and compare the next
one with it instead of judging it again. Add a header to SINGLETONS when any stage starts to read it."""

import re
from collections.abc import Sequence
from typing import Final

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.http1.head import Fields, Head

_LINE: Final = re.compile(rb"[A-Z]+ [^\x00-\x20\x7f]+ HTTP/1\.[01]")
_VERSION: Final = re.compile(rb"[^ ]+ [^ ]+ HTTP/[0-9.]+")
_TARGET: Final = re.compile(rb"/[^\x00-\x20\x7f-\xff#\\]*")
_PORT: Final = rb"(?:[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"  # up to 65535
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::" + _PORT + rb")?")

SINGLETONS: Final = frozenset(
    (
        b"api-key",
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"idempotency-key",
        b"inference-header-content-length",
        b"traceparent",
        b"transfer-encoding",
        b"x-api-key",
    )
)


def judge_line(line: bytes) -> Denial | None:
    """A request line, without its CRLF."""
    if _LINE.fullmatch(line):
        return (
            Denial(Reason.UPGRADE_UNSUPPORTED, "There are no tunnels here.") if line.startswith(b"CONNECT ") else None
        )
    if line.startswith(b"PRI * HTTP/2"):
        return Denial(Reason.HTTP2_UNSUPPORTED)
    method, _, rest = line.partition(b" ")
    target = rest.rpartition(b" ")[0]
    if not method.isalpha() or not method.isupper() or not target or b" " in target:
        return Denial(Reason.MALFORMED)
    if rest.endswith((b" HTTP/1.1", b" HTTP/1.0")):
        return Denial(Reason.TARGET_INVALID)
    return Denial(Reason.VERSION_UNSUPPORTED if _VERSION.fullmatch(line) else Reason.MALFORMED)


def judge_fields(raw: Sequence[tuple[bytes, bytes]], version: str) -> Fields | Denial:
    """Everything about a head that does not depend on its target and its length: what a connection repeats."""
    if version not in ("1.1", "1.0"):
        return Denial(Reason.VERSION_UNSUPPORTED)
    headers = collect_headers(raw)
    if isinstance(headers, Denial):
        return headers
    http10 = version == "1.0"
    chunked = b"transfer-encoding" in headers
    if chunked and (http10 or headers[b"transfer-encoding"].strip().lower() != b"chunked"):
        return Denial(Reason.FRAMING_INVALID)
    denial = _judge_host(headers, http10) or _judge_upgrade(headers)
    if denial is not None:
        return denial
    expects_continue = b"expect" in headers
    if expects_continue and (http10 or headers[b"expect"].lower() != b"100-continue"):
        return Denial(Reason.EXPECTATION_UNSUPPORTED)
    return Fields(headers, chunked, http10, expects_continue)


def judge_head(
    method: str, target: bytes, fields: Fields, stated_length: bytes | None, *, keep_alive: bool
) -> Head | Denial:
    """The fields together with the request line and the length."""
    if not _TARGET.fullmatch(target):
        return Denial(Reason.TARGET_INVALID)
    length = _judge_length(stated_length, chunked=fields.chunked)
    if isinstance(length, Denial):
        return length
    path, _, query = target.partition(b"?")
    return Head(method, path, query, fields.headers, keep_alive, fields.http10, length, fields.expects_continue)


def collect_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | Denial:
    """Lower-case the names, join what may be repeated and refuse what may not."""
    headers: dict[bytes, bytes] = {}
    for name, value in raw:
        lowered = name.lower()
        if lowered in headers:
            if lowered in SINGLETONS:
                return Denial(Reason.HEADER_INVALID, f"The header {lowered.decode('ascii')} appears more than once.")
            headers[lowered] += b", " + value.rstrip(b" \t")
        else:
            headers[lowered] = value.rstrip(b" \t")
        if b"_" in lowered and lowered.replace(b"_", b"-") in SINGLETONS:
            return Denial(Reason.HEADER_INVALID, "A header imitates another one with underscores.")
    return headers


def _judge_host(headers: dict[bytes, bytes], http10: bool) -> Denial | None:
    host = headers.get(b"host")
    if host is None:
        return None if http10 else Denial(Reason.HOST_INVALID)
    return None if _HOST.fullmatch(host) else Denial(Reason.HOST_INVALID)


def _judge_upgrade(headers: dict[bytes, bytes]) -> Denial | None:
    if b"upgrade" in headers or b"http2-settings" in headers or b"sec-websocket-key" in headers:
        return Denial(Reason.UPGRADE_UNSUPPORTED)
    return None


def _judge_length(stated: bytes | None, *, chunked: bool) -> int | Denial:
    if chunked:
        return -1 if stated is None else Denial(Reason.FRAMING_INVALID)
    if stated is None:
        return 0
    stated = stated.strip()
    if not stated.isdigit() or len(stated) > 18:
        return Denial(Reason.FRAMING_INVALID)
    return int(stated)
