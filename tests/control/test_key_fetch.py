"""Asking an issuer for its keys: whatever it answers is keys or a reason in words, within bounds."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
import trustme

from guardhouse.control import outbound
from guardhouse.control.key_fetch import fetch_keys
from guardhouse.identity.issuers import Issuer, Source
from guardhouse.identity.jwks import MOST_BYTES, PublicKey
from identity.signing import KEYS, as_json, key_set, usable

DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class Site:
    """An issuer's web site, answer by answer."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path and credential
    stalls: threading.Event | None = None

    def says(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        self.answers[path] = (status, headers, body)


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers.get("authorization")))
            if site.stalls is not None:
                site.stalls.wait(30)
            status, headers, body = site.answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    site.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as started:
        started.says("/keys", key_set())
        started.says(DISCOVERY, as_json({"issuer": started.url, "jwks_uri": f"{started.url}/keys"}))
        yield started


def issuer(site: Site, **source: str | Path | None) -> Issuer:
    named = Source(**source) if source else Source(discovery=site.url + DISCOVERY)  # type: ignore[arg-type]
    return Issuer(name="corp", issuer=site.url, audience=("g",), source=named)


def fetched(asked: Issuer) -> tuple[PublicKey, ...] | str:
    return asyncio.run(fetch_keys(asked))


def test_the_keys_are_found_by_discovery(site: Site) -> None:
    assert fetched(issuer(site)) == usable()
    assert [path for path, _ in site.asked] == [DISCOVERY, "/keys"]


def test_nothing_is_discovered_where_the_key_set_is_named(site: Site) -> None:
    assert fetched(issuer(site, jwks=f"{site.url}/keys")) == usable()
    assert [path for path, _ in site.asked] == ["/keys"]


def test_nobody_is_asked_where_the_keys_lie_in_a_file(site: Site, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set())
    assert fetched(issuer(site, jwks_file=tmp_path / "keys.json")) == usable()
    assert fetched(issuer(site, jwks_file=tmp_path / "gone.json")) == "cannot be read: No such file or directory"
    assert site.asked == []


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"<html>", "the discovery document is not strict JSON"),
        (b"[]", "the discovery document is not strict JSON"),
        (b'{"issuer":"x","issuer":"y"}', "the discovery document is not strict JSON"),
        (b'{"issuer":"https://attacker.example","jwks_uri":"%b/keys"}', "the discovery document is of another issuer"),
        (b'{"issuer":"%b/","jwks_uri":"%b/keys"}', "the discovery document is of another issuer"),
        (b'{"jwks_uri":"%b/keys"}', "the discovery document is of another issuer"),
    ],
)
def test_a_discovery_document_is_the_issuers_own_or_none(site: Site, document: bytes, why: str) -> None:
    site.says(DISCOVERY, document.replace(b"%b", site.url.encode()))
    assert fetched(issuer(site)) == why


@pytest.mark.parametrize(
    "uri",
    [
        None,
        7,
        "",
        "keys",
        "/keys",
        "http://login.example.com/keys",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://127.0.0.1/keys",
        "https://user:pass@127.0.0.1/keys",
        "https://[::1",
        "http://127.0.0.1.example.com/keys",
        "https://xn--/keys",
        "http://xn--a/keys",
    ],
)
def test_keys_are_not_fetched_from_where_anybody_could_replace_them(site: Site, uri: object) -> None:
    site.says(DISCOVERY, as_json({"issuer": site.url, "jwks_uri": uri}))
    assert fetched(issuer(site)) == "the discovery document names no key set that can be fetched safely"
    assert [path for path, _ in site.asked] == [DISCOVERY]


@pytest.mark.parametrize("path", [DISCOVERY, "/keys"])
@pytest.mark.parametrize("status", [301, 302, 307, 401, 404, 500, 503])
def test_no_redirect_is_followed_and_no_error_taken_for_keys(site: Site, path: str, status: int) -> None:
    site.says("/elsewhere", key_set())
    site.says(path, key_set(), status, location=f"{site.url}/elsewhere")
    assert fetched(issuer(site)) == f"answered with status {status}"
    assert "/elsewhere" not in [asked for asked, _ in site.asked]


@pytest.mark.parametrize("host", ["xn--", "xn--a", "[::1", "a" * 300])
def test_no_name_of_a_host_that_an_answer_leads_to_breaks_the_one_who_asked(site: Site, host: str) -> None:
    site.says("/keys", b"", 302, location=f"https://{host}/")
    assert isinstance(fetched(issuer(site, jwks=f"{site.url}/keys")), str)


@pytest.mark.parametrize("path", [DISCOVERY, "/keys"])
def test_an_endless_answer_is_given_up(site: Site, path: str) -> None:
    site.says(path, b" " * (MOST_BYTES * 4))
    assert fetched(issuer(site)) == "sent more than 256 KiB"


def test_a_compressed_answer_is_not_unpacked(site: Site) -> None:
    site.says("/keys", b"\x1f\x8b" + b"\0" * 100, content_encoding="gzip")
    assert fetched(issuer(site)) == "the key set is not strict JSON"


def test_an_answer_that_does_not_come_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.stalls = threading.Event()
    monkeypatch.setattr(outbound, "PATIENCE", 0.2)
    try:
        assert fetched(issuer(site)) in ("gave no answer within 0 s", "cannot be asked: ReadTimeout")
    finally:
        site.stalls.set()


def test_a_server_that_is_not_there_is_told_without_its_address(site: Site) -> None:
    with serving() as gone:
        pass
    assert fetched(issuer(gone, jwks=f"{gone.url}/keys")) == "cannot be asked: ConnectError"


def test_a_bearer_token_goes_to_the_configured_host_and_is_read_anew(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "token"
    with serving() as other:
        other.says("/keys", key_set())
        site.says(DISCOVERY, as_json({"issuer": site.url, "jwks_uri": f"{other.url}/keys"}))
        asked = issuer(site, discovery=site.url + DISCOVERY, token_file=file)
        for token in ("first", "second"):
            file.write_text(f"{token}\n")
            assert fetched(asked) == usable()
        assert site.asked == [(DISCOVERY, "Bearer first"), (DISCOVERY, "Bearer second")]
        assert other.asked == [("/keys", None), ("/keys", None)]


def test_a_token_file_that_holds_none_sends_nothing(site: Site, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"two\nlines")
    asked = issuer(site, jwks=f"{site.url}/keys", token_file=tmp_path / "token")
    assert fetched(asked) == "keys.token_file does not hold a bearer token"
    assert site.asked == []


def test_only_the_authorities_that_are_named_may_vouch_for_the_server(tmp_path: Path) -> None:
    right, wrong = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    right.issue_cert("127.0.0.1").configure_cert(context)
    for name, authority in (("right", right), ("wrong", wrong)):
        (tmp_path / name).write_bytes(authority.cert_pem.bytes())
    (tmp_path / "empty").write_text("")
    with serving(context) as site:
        site.says("/keys", key_set())
        assert fetched(issuer(site, jwks=f"{site.url}/keys", authorities=tmp_path / "right")) == usable()
        assert fetched(issuer(site, jwks=f"{site.url}/keys", authorities=tmp_path / "wrong")) == (
            "cannot be asked: ConnectError"
        )
        assert fetched(issuer(site, jwks=f"{site.url}/keys")) == "cannot be asked: ConnectError"
        assert fetched(issuer(site, jwks=f"{site.url}/keys", authorities=tmp_path / "empty")) == (
            "keys.authorities holds no usable certificates"
        )


def test_keys_that_are_fetched_are_public(site: Site) -> None:
    private = [{**key.as_dict(private=True), "kid": kid, "alg": alg} for kid, (key, alg) in KEYS.items()]
    site.says("/keys", as_json({"keys": private}))
    found = fetched(issuer(site))
    assert not isinstance(found, str)
    assert b'"d"' not in msgspec.json.encode(found)
