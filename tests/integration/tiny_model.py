"""Writes a llama model of half a megabyte with random weights, so that a real model server can run in a test.

What it says is noise, but the noise is deterministic: the weights come from a seeded generator, and a request with
temperature 0 always gets the same answer. The vocabulary is every byte, the printable ASCII characters and a few short
words, which is enough for the tokenizer to take any text. Nothing is downloaded.

Run as a program with the path to write; the server's own process does that, because numpy and gguf take a second to
import and only that process needs them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

WIDTH = 64
LAYERS = 2
HEADS = 4
KEY_HEADS = 2
FEED_FORWARD = 128
CONTEXT = 4096
WORDS = ("the", "of", "and", "to", "in", "is", "it", "you", "for", "on", "with", "as", "be", "this", "from", "by")
TEMPLATE = (
    "{% for message in messages %}[{{ message.role }}] {{ message.content or '' }}{{ message.tool_calls or '' }}\n"
    "{% endfor %}{% if tools %}[tools] {{ tools | tojson }}\n{% endif %}[assistant]"
)


def vocabulary() -> Iterator[tuple[bytes, int, float]]:
    """Token, type and score of each entry; the first three are unknown, begin and end."""
    yield b"<unk>", gguf.TokenType.UNKNOWN, 0.0
    yield b"<s>", gguf.TokenType.CONTROL, 0.0
    yield b"</s>", gguf.TokenType.CONTROL, 0.0
    for value in range(256):
        yield f"<0x{value:02X}>".encode(), gguf.TokenType.BYTE, 0.0
    pieces = [f"\u2581{word}" for word in WORDS] + ["\u2581"] + [chr(code) for code in range(33, 127)]
    for rank, piece in enumerate(pieces, start=1):
        yield piece.encode(), gguf.TokenType.NORMAL, -float(rank)


def weights(size: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    generator = np.random.default_rng(7)

    def noise(*shape: int) -> NDArray[np.float32]:
        return (generator.standard_normal(shape) * 0.1).astype(np.float32)

    ones = np.ones(WIDTH, np.float32)
    narrow = WIDTH * KEY_HEADS // HEADS
    yield "token_embd.weight", noise(size, WIDTH)
    yield "output_norm.weight", ones
    yield "output.weight", noise(size, WIDTH)
    for layer in range(LAYERS):
        for name, tensor in (
            ("attn_norm", ones),
            ("attn_q", noise(WIDTH, WIDTH)),
            ("attn_k", noise(narrow, WIDTH)),
            ("attn_v", noise(narrow, WIDTH)),
            ("attn_output", noise(WIDTH, WIDTH)),
            ("ffn_norm", ones),
            ("ffn_gate", noise(FEED_FORWARD, WIDTH)),
            ("ffn_up", noise(FEED_FORWARD, WIDTH)),
            ("ffn_down", noise(WIDTH, FEED_FORWARD)),
        ):
            yield f"blk.{layer}.{name}.weight", tensor


def write_model(path: Path) -> None:
    entries = list(vocabulary())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(entries))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token for token, _, _ in entries])
    writer.add_token_types([kind for _, kind, _ in entries])
    writer.add_token_scores([score for _, _, score in entries])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    for name, tensor in weights(len(entries)):
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write_model(Path(sys.argv[1]))
