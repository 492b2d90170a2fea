import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import openai
import pytest

from guardhouse.demo.sample_model import CUSTOMER, LABEL, PIECE, SampleModel, Server

ASKED = "What is a guardhouse?"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Server(("127.0.0.1", 0), SampleModel)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="sample", max_retries=0) as client:
        yield client


def test_an_answer_says_that_it_is_canned_and_repeats_the_question(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="m", messages=[{"role": "user", "content": ASKED}])
    assert completion.choices[0].message.content == f"You said: {ASKED} {LABEL}"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_the_question_may_come_in_parts(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": [{"type": "text", "text": ASKED}]}]
    )
    assert ASKED in str(completion.choices[0].message.content)


def test_a_stream_cuts_the_customer_into_pieces_and_says_the_same(client: openai.OpenAI) -> None:
    question = "Who is our best customer?"
    with client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": question}], stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert "".join(pieces) == f"{CUSTOMER} {LABEL}"
    assert max(map(len, pieces)) == PIECE
    assert chunks[-1].usage is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_tells_no_usage_unless_asked(client: openai.OpenAI) -> None:
    with client.completions.create(model="m", prompt=ASKED, stream=True) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks) == f"You said: {ASKED} {LABEL}"
    assert all(chunk.usage is None for chunk in chunks)


def test_text_completions_are_answered_whole_as_well(client: openai.OpenAI) -> None:
    assert client.completions.create(model="m", prompt=ASKED).choices[0].text == f"You said: {ASKED} {LABEL}"


def test_the_same_text_has_the_same_embedding_and_another_has_another(client: openai.OpenAI) -> None:
    rows = client.embeddings.create(model="m", input=["one", "one", "two"], encoding_format="float").data
    assert rows[0].embedding == rows[1].embedding != rows[2].embedding


def test_the_last_request_can_be_asked_for_directly(client: openai.OpenAI, address: str) -> None:
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "remember this"}])
    with urllib.request.urlopen(f"{address}/received") as answer:
        received = json.loads(answer.read())
    assert received["body"]["messages"][0]["content"] == "remember this"
    assert received["headers"]["authorization"] == "Bearer sample"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_route_is_not_found(address: str, method: str) -> None:
    asked = urllib.request.Request(f"{address}/v1/files", method=method)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked)
    with refused.value:
        assert refused.value.code == 404
