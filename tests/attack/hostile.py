"""A model server that does not keep to the protocol, in every way of the catalogue below.

Which way is chosen by the prompt: a chat whose last text is `hostile:NAME` gets the script of that name, anything else
the correct answer of the recording model server, so that one gateway meets all of them over one pool of connections.
A script is a list of bytes to send and steps to take; after its end the connection stays open unless `END` says so.
"""

import asyncio
import gzip
import json
from collections.abc import Iterator
from enum import Enum

from attack.recording import Connection, RecordingBackend
from attack.replies import STREAM_HEAD, as_chunk, completion, whole
from attack.tape import Seen


class Step(Enum):
    END = "close the connection"
    RESET = "abort the connection"
    WAIT = "say nothing more"
    ENDLESS = "repeat the bytes before this until nobody reads"
    DRIP = "send the bytes after this one at a time"


Script = list[bytes | Step]
GOOD = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()
OK = b"HTTP/1.1 200 OK\r\n"
JSON = b"Content-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(GOOD)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
POISON = whole({"poison": True})
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"tiny","choices":[]}\n\n'
END, RESET, WAIT, ENDLESS, DRIP = Step.END, Step.RESET, Step.WAIT, Step.ENDLESS, Step.DRIP


def answered(*fields: bytes, body: bytes = GOOD, line: bytes = OK) -> bytes:
    return line + b"".join(fields) + b"\r\n" + body


# the answer breaks the protocol: the reason is upstream_protocol_error
BROKEN: dict[str, Script] = {
    "http-0.9": [b"just some text\n", END],
    "binary": [bytes(range(256)), END],
    "http-2": [b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", END],
    "version-2.0": [answered(JSON, LENGTH, line=b"HTTP/2.0 200 OK\r\n")],
    "version-1.9": [answered(JSON, LENGTH, line=b"HTTP/1.9 200 OK\r\n")],
    "status-four-digits": [answered(JSON, LENGTH, line=b"HTTP/1.1 2000 OK\r\n")],
    "status-letters": [answered(JSON, LENGTH, line=b"HTTP/1.1 2xx OK\r\n")],
    "status-negative": [answered(JSON, LENGTH, line=b"HTTP/1.1 -20 OK\r\n")],
    "status-zero": [answered(JSON, LENGTH, line=b"HTTP/1.1 000 OK\r\n")],
    "cr-in-reason": [answered(JSON, LENGTH, line=b"HTTP/1.1 200 O\rK\r\n")],
    "nul-in-reason": [answered(JSON, LENGTH, line=b"HTTP/1.1 200 O\x00K\r\n")],
    "escape-in-reason": [answered(JSON, LENGTH, line=b"HTTP/1.1 200 \x1b[2J\r\n")],
    "nul-in-interim-reason": [b"HTTP/1.1 103 \x00\r\n\r\n" + answered(JSON, LENGTH)],
    "nul-in-value": [answered(JSON, LENGTH, b"X-A: a\x00b\r\n")],
    "nul-in-name": [answered(JSON, LENGTH, b"X-\x00A: b\r\n")],
    "cr-in-value": [answered(JSON, LENGTH, b"X-A: a\rb\r\n")],
    "control-in-value": [answered(JSON, LENGTH, b"X-A: a\x01b\r\n")],
    "folded": [answered(JSON, LENGTH, b"X-A: a\r\n b\r\n")],
    "space-before-colon": [answered(JSON, LENGTH, b"X-A : b\r\n")],
    "no-colon": [answered(JSON, LENGTH, b"X-A\r\n")],
    "empty-name": [answered(JSON, LENGTH, b": b\r\n")],
    "length-twice": [answered(JSON, LENGTH, b"Content-Length: 3\r\n")],
    "length-list": [answered(JSON, b"Content-Length: 3, 3\r\n")],
    "length-signed": [answered(JSON, b"Content-Length: +3\r\n")],
    "length-negative": [answered(JSON, b"Content-Length: -1\r\n")],
    "length-hexadecimal": [answered(JSON, b"Content-Length: 0x10\r\n")],
    "length-words": [answered(JSON, b"Content-Length: many\r\n")],
    "length-overflow": [answered(JSON, b"Content-Length: 18446744073709551617\r\n")],
    "length-and-chunked": [answered(JSON, LENGTH, CHUNKED, body=as_chunk(GOOD) + b"0\r\n\r\n")],
    "coding-unknown": [answered(JSON, b"Transfer-Encoding: zip\r\n")],
    "coding-gzip-chunked": [
        answered(JSON, b"Transfer-Encoding: gzip, chunked\r\n", body=as_chunk(GOOD) + b"0\r\n\r\n")
    ],
    "chunk-size-letters": [answered(JSON, CHUNKED, body=b"zz\r\n")],
    "chunk-size-negative": [answered(JSON, CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n")],
    "chunk-size-overflow": [answered(JSON, CHUNKED, body=b"fffffffffffffffff\r\n")],
    "chunk-without-end": [answered(JSON, CHUNKED, body=b"%x\r\n%bXX0\r\n\r\n" % (len(GOOD), GOOD))],
    "switching-protocols": [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"],
    "huge-header": [OK + b"X-A: " + b"a" * 2_000_000 + b"\r\n\r\n"],
    "endless-header": [OK + b"X-A: ", b"a" * 65536, ENDLESS],
    "endless-headers": [OK, b"X-A: b\r\n" * 4096, ENDLESS],
    "endless-reason": [b"HTTP/1.1 200 ", b"O" * 65536, ENDLESS],
    "endless-interim": [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 512, ENDLESS],
    "many-interim": [b"HTTP/1.1 102 Processing\r\n\r\n" * 1000 + answered(JSON, LENGTH)],
}
# the connection ends inside the answer: upstream_closed_early
CUT: dict[str, Script] = {
    "end-before-answer": [END],
    "reset-before-answer": [RESET],
    "end-in-status-line": [b"HTTP/1.1 2", END],
    "end-in-headers": [OK + b"Content-Ty", END],
    "end-in-body": [answered(JSON, LENGTH, body=GOOD[:20]), END],
    "end-in-chunk": [answered(JSON, CHUNKED, body=b"fff\r\nabc"), END],
    "end-before-last-chunk": [answered(JSON, CHUNKED, body=as_chunk(GOOD)), END],
    "reset-in-body": [answered(JSON, LENGTH, body=GOOD[:20]), RESET],
}
SILENT: dict[str, tuple[str, Script]] = {
    "never-answers": ("upstream_first_byte_timeout", [WAIT]),
    "only-interim": ("upstream_first_byte_timeout", [b"HTTP/1.1 102 Processing\r\n\r\n", WAIT]),
    "half-a-status-line": ("upstream_first_byte_timeout", [b"HTTP/1.1 2", WAIT]),
    "half-a-body": ("upstream_between_bytes_timeout", [answered(JSON, LENGTH, body=GOOD[:20]), WAIT]),
}
# the framing is right, what it carries cannot be passed on
UNREADABLE: dict[str, tuple[str, Script]] = {
    "redirect": (
        "redirect_refused",
        [answered(b"Location: http://127.0.0.1:1/\r\n", LENGTH, line=b"HTTP/1.1 302 Found\r\n")],
    ),
    "redirect-307": ("redirect_refused", [answered(b"Location: /x\r\n", LENGTH, line=b"HTTP/1.1 307 Temporary\r\n")]),
    "redirect-bare": ("redirect_refused", [answered(LENGTH, line=b"HTTP/1.1 301 Moved\r\n")]),
    "gzip-unasked": (
        "response_unreadable",
        [
            answered(
                JSON,
                b"Content-Encoding: gzip\r\n",
                b"Content-Length: %d\r\n" % len(gzip.compress(GOOD)),
                body=gzip.compress(GOOD),
            )
        ],
    ),
    "not-json": ("response_unreadable", [answered(JSON, b"Content-Length: 5\r\n", body=b"hello")]),
    "json-cut": ("response_unreadable", [answered(JSON, b"Content-Length: 20\r\n", body=GOOD[:20])]),
    "json-deep": (
        "response_unreadable",
        [answered(JSON, b"Content-Length: 200000\r\n", body=b"[" * 100_000 + b"]" * 100_000)],
    ),
    "invalid-utf-8": ("response_unreadable", [answered(JSON, b"Content-Length: 10\r\n", body=b'{"a":"\xff\xfe"}')]),
    "too-large": (
        "response_too_large",
        [answered(JSON, b"Content-Length: 999999999\r\n", body=b"[1"), b",1" * 32768, ENDLESS],
    ),
    "too-large-chunked": (
        "response_too_large",
        [answered(JSON, CHUNKED, body=b""), as_chunk(b"1," * 32768), ENDLESS],
    ),
    "endless-until-end": ("response_too_large", [answered(JSON, body=b""), b"1," * 32768, ENDLESS]),
}
# correct to the last byte, and then more: the caller gets the answer, the connection is never used again
DIRTY: dict[str, Script] = {
    "extra-bytes": [answered(JSON, LENGTH) + b"x"],
    "extra-answer": [answered(JSON, LENGTH) + POISON],
    "extra-answer-chunked": [answered(JSON, CHUNKED, body=as_chunk(GOOD) + b"0\r\n\r\n") + POISON],
    "extra-crlf-answer": [answered(JSON, LENGTH) + b"\r\n" + POISON],
    "connection-close": [answered(JSON, LENGTH, b"Connection: close\r\n")],
    "until-end": [answered(JSON), END],
    "http-1.0": [answered(JSON, LENGTH, line=b"HTTP/1.0 200 OK\r\n")],
}
# streams: the head is out before anything goes wrong
STREAMS: dict[str, Script] = {
    "stream-without-done": [STREAM_HEAD + as_chunk(EVENT), END],
    "stream-cut-in-event": [STREAM_HEAD + as_chunk(EVENT[:30]), END],
    "stream-reset": [STREAM_HEAD + as_chunk(EVENT), RESET],
    "stream-stalls": [STREAM_HEAD + as_chunk(EVENT), WAIT],
    "stream-bad-chunk": [STREAM_HEAD + as_chunk(EVENT) + b"zz\r\n"],
    "stream-not-json": [STREAM_HEAD + as_chunk(b"data: {oops\n\n") + b"0\r\n\r\n"],
    "stream-endless-line": [STREAM_HEAD, as_chunk(b"data: " + b"a" * 65536), ENDLESS],
    "stream-ends-without-done": [STREAM_HEAD + as_chunk(EVENT) + b"0\r\n\r\n"],
}
SCRIPTS: dict[str, Script] = {
    **BROKEN,
    **CUT,
    **DIRTY,
    **STREAMS,
    **{name: script for name, (_, script) in SILENT.items()},
    **{name: script for name, (_, script) in UNREADABLE.items()},
    "dripping": [DRIP, answered(JSON, LENGTH)],
    "early-answer": [answered(JSON, LENGTH)],
}


class HostileConnection(Connection):
    """Plays the script that the prompt names."""

    def complain(self, what: str) -> None:
        """The gateway may end a connection whenever it dislikes what it got."""

    async def answer(self, seen: Seen) -> None:
        name = seen.text.removeprefix("hostile:")
        if name == seen.text or name not in SCRIPTS:
            assert self.transport is not None
            self.transport.write(whole(completion(seen)))
            return
        await self.play(iter(SCRIPTS[name]))

    async def play(self, script: Iterator[bytes | Step]) -> None:
        assert self.transport is not None
        last = b""
        for step in script:
            if isinstance(step, bytes):
                last = step
                self.transport.write(step)
            elif step is Step.END:
                self.transport.close()
            elif step is Step.RESET:
                self.transport.abort()
            elif step is Step.DRIP:
                await self.drip(next(script))
            elif step is Step.ENDLESS:
                await self.endless(last)

    async def drip(self, content: bytes | Step) -> None:
        assert self.transport is not None
        assert isinstance(content, bytes)
        for start in range(len(content)):
            self.transport.write(content[start : start + 1])
            await asyncio.sleep(0)

    async def endless(self, content: bytes) -> None:
        assert self.transport is not None
        while not self.transport.is_closing():
            await self.writable.wait()
            self.transport.write(content)
            await asyncio.sleep(0)


class HostileBackend(RecordingBackend):
    protocol = HostileConnection
