"""Texts with something to mask, and ways to cut them: what the streams of all dialects are tried with."""

from hypothesis import strategies as st

SECRETS = [
    "write to bob.smith@example.com, or",
    "card 4111 1111 1111 1111.",
    "key AKIAIOSFODNN7EXAMPLE end",
    "from 192.168.17.4 on",
    "plain words only",
    "ssn 078-05-1120 ",
    "éé bob@exämple.example é",
    'a "quoted"\n line',
]

secrets = st.lists(st.sampled_from([*SECRETS, " ", "a", "@", "4", "-", '"']), max_size=5).map("".join)


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [*pieces, text]
