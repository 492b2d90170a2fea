import ssl
from pathlib import Path
from typing import Any

from playbook import Play, perform
from test_identity import events

from guardhouse.identity.clients import Clients
from guardhouse.identity.mtls import Certificates
from guardhouse.path.tls import tls_context
from guardhouse.path.tls_files import TlsFiles
from guardhouse.policy.settings import Tls
from identity.authority import SERVER, Authority, Issued

AUTHORITY = Authority()


def issue(name: str) -> Issued:
    return AUTHORITY.issue(name, uses=[SERVER])


def put(folder: Path, issued: Issued, *, key: bool = True) -> None:
    """Another certificate in the place of the old one, and its key unless it is not there yet."""
    certificate, private = issued.save(folder, "fresh")
    certificate.replace(folder / "server.pem")
    if key:
        private.replace(folder / "server.key")


def served(context: ssl.SSLContext) -> str:
    """The name in the certificate that a new connection would get."""
    trusting = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
    trusting.check_hostname = False
    ours, theirs, back = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(ours, back, server_side=True)
    client = trusting.wrap_bio(theirs, ours, server_hostname="any")
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            finally:
                theirs.write(back.read())
    names: Any = client.getpeercert()
    return str(names["subjectAltName"][0][1])


def followed(play: Play, folder: Path) -> tuple[TlsFiles, ssl.SSLContext]:
    put(folder, issue("first.example.org"))
    tls = Tls(certificate=folder / "server.pem", key=folder / "server.key")
    context = tls_context(tls)
    return TlsFiles(play.plane, tls, context), context


def test_a_certificate_in_the_place_of_the_old_one_is_used_for_new_connections(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        files, context = followed(play, tmp_path)
        await files.look()
        assert served(context) == "first.example.org"
        put(tmp_path, issue("second.example.org"))
        await files.look()
        await play.turn()
        assert served(context) == "second.example.org"
        assert [(each["name"], each["facts"]) for each in events(play)] == [("listener.certificate", {"used": True})]

    perform(tmp_path, scene)


def test_a_certificate_whose_key_is_not_there_yet_waits_for_it(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        files, context = followed(play, tmp_path)
        second = issue("second.example.org")
        put(tmp_path, second, key=False)
        for _ in range(3):
            await files.look()
        await play.turn()
        assert served(context) == "first.example.org"
        [event] = events(play)
        assert (event["severity"], event["facts"]["used"]) == ("alert", False)
        put(tmp_path, second)
        await files.look()
        assert served(context) == "second.example.org"

    perform(tmp_path, scene)


def test_a_file_that_is_missing_for_a_moment_is_no_news(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        files, context = followed(play, tmp_path)
        (tmp_path / "server.pem").rename(tmp_path / "away.pem")
        await files.look()
        (tmp_path / "away.pem").rename(tmp_path / "server.pem")
        await files.look()
        await play.turn()
        assert served(context) == "first.example.org"
        assert events(play) == []

    perform(tmp_path, scene)


def test_lists_that_are_refused_are_an_alert(tmp_path: Path) -> None:
    (tmp_path / "authorities.pem").write_bytes(AUTHORITY.pem)
    (tmp_path / "list.pem").write_bytes(AUTHORITY.list_of())
    clients = Clients(authorities=tmp_path / "authorities.pem", crl=tmp_path / "list.pem")

    async def scene(play: Play) -> None:
        files, _ = followed(play, tmp_path)
        play.plane.certificates = Certificates(clients)
        for content, severity in ((Authority().list_of(), "alert"), (AUTHORITY.list_of(), "")):
            (tmp_path / "list.new").write_bytes(content)
            (tmp_path / "list.new").replace(tmp_path / "list.pem")
            await files.look()
            await play.turn()
            assert events(play)[-1]["name"] == "identity.revocation_lists"
            assert events(play)[-1].get("severity", "") == severity

    perform(tmp_path, scene)
