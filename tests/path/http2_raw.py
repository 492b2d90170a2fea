"""A caller that writes HTTP/2 by hand, for what no client library would send."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from struct import pack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, CONTINUATION = 0, 1, 3, 4, 9
END_STREAM, END_HEADERS = 1, 4
INFER = b"/inference.GRPCInferenceService/ModelInfer"
_LARGEST = 16_384

Field = tuple[bytes, bytes]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return pack(">I", len(payload))[1:] + bytes((kind, flags)) + pack(">I", stream) + payload


def head(*fields: Field, path: bytes = INFER, stream: int = 1) -> bytes:
    """The frames of a head, none of it compressed."""
    usual: tuple[Field, ...] = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"x"))
    usual += ((b"te", b"trailers"), (b"content-type", b"application/grpc"))
    block = b"".join([b"\0" + _text(name) + _text(value) for name, value in (*usual, *fields)])
    pieces = [block[at : at + _LARGEST] for at in range(0, len(block), _LARGEST)]
    last = len(pieces) - 1
    return b"".join(
        [
            frame(CONTINUATION if number else HEADERS, END_HEADERS if number == last else 0, stream, piece)
            for number, piece in enumerate(pieces)
        ]
    )


def message(data: bytes, *, flag: int = 0, stream: int = 1, ends: bool = True) -> bytes:
    return frame(DATA, END_STREAM if ends else 0, stream, bytes((flag,)) + pack(">I", len(data)) + data)


def cancel(stream: int = 1) -> bytes:
    return frame(RESET, 0, stream, pack(">I", 8))


def _text(data: bytes) -> bytes:
    most, length = 127, len(data)
    if length < most:
        return bytes((length,)) + data
    out, length = bytearray((most,)), length - most
    while length > most:
        out.append(length & 127 | 128)
        length >>= 7
    out.append(length)
    return bytes(out) + data


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
    try:
        yield reader, writer
    finally:
        writer.close()
        with_reset = await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert len(with_reset) == 1


async def say(port: int, *parts: bytes | float) -> None:
    """Send what is bytes, and pause for what is a number, each on one connection; then wait for an end of stream 1."""
    async with connected(port) as (reader, writer):
        for part in parts:
            if isinstance(part, float):
                await asyncio.sleep(part)
            else:
                writer.write(part)
        async with asyncio.timeout(5):
            while not _ends(await _frame(reader)):
                pass


async def _frame(reader: asyncio.StreamReader) -> tuple[int, int, int]:
    try:
        told = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(told[:3]))
    except (asyncio.IncompleteReadError, ConnectionError):
        return RESET, 0, 1
    return told[3], told[4], int.from_bytes(told[5:9])


def _ends(read: tuple[int, int, int]) -> bool:
    kind, flags, stream = read
    return stream == 1 and (kind == RESET or bool(flags & END_STREAM))
