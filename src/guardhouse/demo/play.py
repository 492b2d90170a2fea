"""What the scenes share: the setting, the screen, and the ways to send something through the gateway.

Traffic goes out with the official client library wherever the library can send it; what it would never send (no
credential, broken JSON, an unknown route) goes out by hand. The play remembers what it sent, because the scenes about
the records look for it there, and which values must not be found anywhere.
"""

import http.client
import json
from collections.abc import Mapping
from typing import Any

import openai

from guardhouse.demo.processes import Unexpected, expect, fetch
from guardhouse.demo.screen import Screen
from guardhouse.demo.setting import Key, Setting

Headers = Mapping[str, str]


class Answer:
    """What a caller gets back: the text of an answer, or the code and message of a refusal."""

    __slots__ = ("code", "headers", "status", "text")

    def __init__(self, status: int, headers: Headers, text: str, code: str = "") -> None:
        self.status = status
        self.headers = headers
        self.text = text
        self.code = code


def refusal(status: int, headers: Headers, body: Any) -> Answer:
    """`body` is the error document, with or without its wrapper: the client library takes it off."""
    error = body.get("error", body) if isinstance(body, dict) else {}
    return Answer(status, headers, str(error.get("message")), str(error.get("code")))


class Play:
    __slots__ = ("alice", "bob", "private", "screen", "sent", "setting")

    def __init__(self, setting: Setting, screen: Screen, alice: Key, bob: Key) -> None:
        self.setting = setting
        self.screen = screen
        self.alice = alice
        self.bob = bob
        self.sent: list[str] = []  # request ids, in order
        self.private = {alice.value, bob.value, setting.credential}

    def client(self, key: Key) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.setting.gateway}/v1", api_key=key.value, max_retries=0, timeout=20)

    def chat(self, key: Key, model: str, question: str) -> Answer:
        try:
            with self.client(key) as client:
                raw = client.chat.completions.with_raw_response.create(
                    model=model, messages=[{"role": "user", "content": question}]
                )
        except openai.APIStatusError as error:
            self.note(error.response.headers)
            return refusal(error.status_code, error.response.headers, error.body)
        self.note(raw.headers)
        return Answer(200, raw.headers, str(raw.parse().choices[0].message.content))

    def by_hand(self, method: str, path: str, body: bytes, key: Key | None) -> Answer:
        """A request as no client library sends it."""
        headers = {"content-type": "application/json"}
        if key is not None:
            headers["authorization"] = f"Bearer {key.value}"
        connection = http.client.HTTPConnection(self.setting.gateway.removeprefix("http://"), timeout=20)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            self.note(told)
            return refusal(response.status, told, json.loads(response.read()))
        finally:
            connection.close()

    def answered(self, path: str, document: Any) -> tuple[Headers, bytes]:
        """alice's request in another API than that of the client library, and the answer to it."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.alice.value}"}
        connection = http.client.HTTPConnection(self.setting.gateway.removeprefix("http://"), timeout=20)
        try:
            connection.request("POST", path, json.dumps(document).encode(), headers)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            self.note(told)
            body = response.read()
            expect(response.status == 200, f"200 was expected, {response.status} came: {body.decode()}")
            return told, body
        finally:
            connection.close()

    def received(self) -> tuple[str, Any]:
        """What the model server got last, asked directly: as text, and read."""
        status, text = fetch(f"{self.setting.model}/received")
        expect(status == 200, "the sample model server does not tell what it received")
        return text, json.loads(text)

    def note(self, headers: Headers) -> None:
        self.sent.append(headers["x-request-id"])

    def served(self, answer: Answer, decision: str) -> Answer:
        """Make sure that an answer is one, and under this decision."""
        told = answer.headers.get("x-guardhouse-decision")
        if answer.status != 200 or told != decision:
            raise Unexpected(f"{decision!r} was expected, {answer.status} {told} {answer.code} came: {answer.text}")
        return answer

    def blocked(self, answer: Answer, status: int, code: str) -> None:
        """Make sure that an answer is this refusal, and show it."""
        came = (answer.status, answer.code, answer.headers.get("x-guardhouse-decision"))
        expect(came == (status, code, "denied"), f"{status} {code} was expected, {came} came: {answer.text}")
        self.screen.says("BLOCKED", f"{status} {code}: {answer.text}")
