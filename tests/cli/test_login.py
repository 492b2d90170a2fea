"""`guardhouse login` against a gateway that does as it is told, with a browser that is a thread."""

import json
import stat
import threading
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from typer.testing import CliRunner, Result

from guardhouse.cli import token_file
from guardhouse.cli.main import app
from guardhouse.identity.pkce import challenge_of, words_of
from guardhouse.model.secret import Secret

Browser = Callable[[dict[str, str]], list[dict[str, str]]]


class Gateway(ThreadingHTTPServer):
    """Gives a token for the code `good` and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[tuple[str, bytes]] = []
        self.status = 200


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, body))
        good = b'"good"' in body or self.path.endswith("revoke")
        status = self.server.status if good else 400
        token = {"access_token": "canary.token.x", "token_type": "Bearer", "expires_in": 600, "principal": "corp:alice"}
        error = {"error": {"code": "code_invalid", "message": "The code is not good."}}
        content = json.dumps({**token, "scope": ""} if status == 200 else error).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Quiet."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    server = Gateway()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def browsing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Browser], list[int]]:
    """Have the browser go back with these queries one after the other; the statuses that it got."""

    def have(browser: Browser) -> list[int]:
        statuses: list[int] = []

        def visit(url: str) -> None:
            asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
            for query in browser(asked):
                statuses.append(_get(f"http://127.0.0.1:{asked['port']}/?{urlencode(query)}"))

        def opened(url: str) -> bool:
            threading.Thread(target=visit, args=(url,), daemon=True).start()
            return True

        monkeypatch.setattr(webbrowser, "open", opened)
        return statuses

    return have


def _get(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_the_token_is_kept_in_a_file_of_its_owner_and_never_printed(
    gateway: Gateway, browsing: Callable[[Browser], list[int]]
) -> None:
    seen: list[dict[str, str]] = []

    def browser(asked: dict[str, str]) -> list[dict[str, str]]:
        seen.append(asked)
        return [{"code": "good", "state": asked["state"]}]

    browsing(browser)
    done = run("login", gateway.url, "--scope", "chat", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    path = Path(told["file"])
    assert path == token_file.path_for(gateway.url)
    assert path.read_text() == "canary.token.x\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "canary" not in done.output
    assert (told["principal"], seen[0]["scope"]) == ("corp:alice", "chat")
    [(_, body)] = gateway.asked
    verifier = json.loads(body)["verifier"]
    assert challenge_of(verifier) == seen[0]["challenge"]
    assert verifier not in done.output
    assert words_of(seen[0]["challenge"]) in done.stderr


def test_what_others_send_is_waited_out(gateway: Gateway, browsing: Callable[[Browser], list[int]]) -> None:
    def browser(asked: dict[str, str]) -> list[dict[str, str]]:
        return [{}, {"code": "good"}, {"code": "good", "state": "guess"}, {"code": "good", "state": asked["state"]}]

    statuses = browsing(browser)
    assert run("login", gateway.url).exit_code == 0
    assert statuses[:3] == [404, 404, 404]
    assert len(gateway.asked) == 1


def test_a_code_that_the_gateway_refuses_keeps_nothing(
    gateway: Gateway, browsing: Callable[[Browser], list[int]]
) -> None:
    browsing(lambda asked: [{"code": "bad", "state": asked["state"]}])
    done = run("login", gateway.url)
    assert done.exit_code == 1
    assert "The code is not good." in done.output
    assert not token_file.path_for(gateway.url).exists()


def test_nobody_who_allows_it_is_an_end_too(gateway: Gateway) -> None:
    done = run("login", gateway.url, "--no-browser", "--within", "50ms")
    assert done.exit_code == 1
    assert "in time" in done.output
    assert gateway.asked == []


def test_logout_ends_the_token_and_removes_it(gateway: Gateway) -> None:
    token_file.keep(token_file.path_for(gateway.url), Secret("canary.token.x"))
    assert run("logout", gateway.url).exit_code == 0
    assert gateway.asked == [("/api/v1/token/revoke", b"token=canary.token.x")]
    assert not token_file.path_for(gateway.url).exists()
    assert run("logout", gateway.url).exit_code == 1


def test_a_token_that_could_not_be_ended_stays(gateway: Gateway) -> None:
    token_file.keep(token_file.path_for(gateway.url), Secret("canary.token.x"))
    gateway.status = 503
    assert run("logout", gateway.url).exit_code == 1
    assert token_file.path_for(gateway.url).exists()


@pytest.mark.parametrize("url", ["http://gate.example.com", "ftp://127.0.0.1", "https://user@gate", "127.0.0.1:9090"])
def test_a_token_never_travels_unencrypted_to_another_machine(url: str) -> None:
    for command in ("login", "logout"):
        assert run(command, url).exit_code == 2


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(home: Path) -> None:
    path = token_file.path_for("https://gate.example.com")
    path.parent.mkdir(parents=True)
    victim = home / "victim"
    victim.write_text("mine\n")
    path.symlink_to(victim)
    token_file.keep(path, Secret("canary"))
    assert victim.read_text() == "mine\n"
    assert not path.is_symlink()


@pytest.mark.parametrize("command", ["login", "logout"])
def test_every_command_shows_an_example(command: str) -> None:
    assert f"guardhouse {command} https://" in run(command, "--help").output
