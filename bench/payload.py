"""The bytes of the benchmark: requests, answers and streamed events in OpenAI's shapes, and one row's in Anthropic's.

How the upstream is to answer is told by the `model` name, and how many words it streams by `max_tokens`: both reach
it through every contender, whatever else a gateway strips or rewrites.
"""

import msgspec

from bench.prose import prose

ANSWER = "bench-answer"  # one JSON answer of 0.4 KB
PRIVATE = "bench-private"  # the same with an e-mail address and a card number in it
MESSAGE = "bench-message"  # the same as ANSWER in Anthropic's dialect
TENSOR = "bench-tensor"  # the same as ANSWER in KServe v2's dialect
TENSOR_PATH = f"/v2/models/{TENSOR}/infer"
PACED = "bench-paced"  # a stream, one event per TCP segment, 20 a second
BURST = "bench-burst"  # a stream, 64 events per segment, 10 segments a second
FIRST = "bench-first"  # a short stream whose first event goes out at once
HELD = "bench-held"  # a stream that starts and then says nothing more
FLOOD = "bench-flood"  # a stream as fast as it is read, with an e-mail address now and then
MODELS = (ANSWER, PRIVATE, MESSAGE, TENSOR, PACED, BURST, FIRST, HELD, FLOOD)

PACED_PER_SECOND = 20
BURSTS_PER_SECOND = 10
EVENTS_PER_BURST = 64
DONE = b"data: [DONE]\n\n"
SYSTEM = "You are a careful assistant."
STREAM_ID = "chatcmpl-Bq7x0fL2dYtWnRk5uVgZ3aHs"


def words(text: str) -> list[str]:
    """One word per event, each after the first with its leading space, as tokenizers cut them."""
    first, *rest = text.split()
    return [first, *(f" {word}" for word in rest)]


STREAM_WORDS = words(prose(8192, seed=11))


def streamed_text(count: int) -> str:
    """What a client must have read after `count` words of a stream."""
    return "".join(STREAM_WORDS[index % len(STREAM_WORDS)] for index in range(count))


def request_body(model: str, prompt: str, *, stream: bool = False, tokens: int = 128) -> bytes:
    document = {
        "model": model,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": prompt},
        ],
        "temperature": 0.2,
        "max_tokens": tokens,
    }
    if stream:
        document["stream"] = True
    return msgspec.json.encode(document)


def message_request_body(prompt: str, *, tokens: int = 128) -> bytes:
    """What `request_body` asks, in Anthropic's dialect."""
    messages = [{"role": "user", "content": prompt}]
    return msgspec.json.encode(
        {"model": MESSAGE, "system": SYSTEM, "messages": messages, "temperature": 0.2, "max_tokens": tokens}
    )


def tensor_request_body(prompt: str, *, tokens: int = 128) -> bytes:
    """What `request_body` asks, with the model in the path, as KServe v2 has it."""
    tensor = {"name": "texts", "shape": [2], "datatype": "BYTES", "data": [SYSTEM, prompt]}
    parameters = {"temperature": 0.2, "max_tokens": tokens}
    return msgspec.json.encode({"id": "bench", "parameters": parameters, "inputs": [tensor]})


def tensor_answer_body(text: str) -> bytes:
    tensor = {"name": "answers", "shape": [1], "datatype": "BYTES", "data": [text]}
    return msgspec.json.encode({"model_name": TENSOR, "model_version": "1", "id": "bench", "outputs": [tensor]})


def http_request(
    port: int, headers: tuple[tuple[str, str], ...], body: bytes, path: str = "/v1/chat/completions"
) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Accept: application/json",
        "Content-Type: application/json",
        "User-Agent: guardhouse-bench",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer_body(text: str) -> bytes:
    return msgspec.json.encode(
        {
            "id": STREAM_ID,
            "object": "chat.completion",
            "created": 1767225600,
            "model": ANSWER,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 128, "completion_tokens": 96, "total_tokens": 224},
        }
    )


def message_body(text: str) -> bytes:
    return msgspec.json.encode(
        {
            "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
            "type": "message",
            "role": "assistant",
            "model": MESSAGE,
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 128, "output_tokens": 96},
        }
    )


def _event(**members: object) -> bytes:
    document = {"id": STREAM_ID, "object": "chat.completion.chunk", "created": 1767225600, "model": PACED, **members}
    return b"data: " + msgspec.json.encode(document) + b"\n\n"


def _choice_event(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _event(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])


def word_event(word: str) -> bytes:
    return _choice_event({"content": word})


ROLE_EVENT = _choice_event({"role": "assistant", "content": ""})
FINISH_EVENT = _choice_event({}, "stop")
USAGE_EVENT = _event(choices=[], usage={"prompt_tokens": 128, "completion_tokens": 96, "total_tokens": 224})


def chunk(event: bytes) -> bytes:
    """An event as one chunk of the chunked transfer coding, the way model servers write it."""
    return b"%x\r\n%b\r\n" % (len(event), event)
