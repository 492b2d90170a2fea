"""The scene in which Ollama's API is spoken, under the same policy."""

import json

from guardhouse.demo.play import Play
from guardhouse.demo.processes import expect
from guardhouse.demo.traffic import CANNED, CUSTOMER_QUESTION


def ollama(play: Play) -> None:
    screen = play.screen
    screen.scene("The same policy holds for Ollama's API")
    screen.says("sends", f'alice, to /api/chat, which streams by default: "{CUSTOMER_QUESTION}"')
    question = {"model": "sample-large", "messages": [{"role": "user", "content": CUSTOMER_QUESTION}]}
    _, body = play.answered("/api/chat", question)
    lines = [json.loads(line) for line in body.splitlines()]
    said = "".join([line["message"]["content"] for line in lines])
    expect(len(lines) > 5 and lines[-1]["done"], "the stream did not come line by line to its end")
    expect(not any(value in said for value in CANNED), "a stream of lines was not masked")
    screen.says("MASKED", f'alice received {len(lines)} lines of JSON: "{said}"')
    screen.says("why", "A policy speaks of operations. This one is chat, whichever API asks for it.")
