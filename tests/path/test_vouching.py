"""Files that callers are identified by and that are not what was written: told once, and when they are sound again."""

from pathlib import Path

from playbook import CONFIG, Play, perform

from guardhouse.identity.issuer_bulletin import IssuerBulletin
from guardhouse.model.bulletin import publish
from guardhouse.path.vouching import Vouching
from identity.revoking import publish_revoked


def test_a_file_that_is_not_what_was_written_is_told_once_and_so_is_its_return(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        vouching = Vouching(play.plane)
        await vouching.follow()
        (play.directory / "issuers.json").write_bytes(b"{")
        (play.directory / "revoked.feed").write_bytes(b"")
        with (play.directory / "keys.feed").open("ab") as file:
            file.write(b"nonsense\n")
        for _ in range(3):
            await vouching.follow()
        publish_revoked(play.directory)
        publish(play.directory / "issuers.json", IssuerBulletin())
        await vouching.follow()
        await play.turn()
        told = [(event["name"], event["facts"]["file"]) for event in play.journal if event["kind"] == "event"]
        assert told == [
            ("identity.file_unreadable", "issuers.json"),
            ("identity.file_unreadable", "keys.feed"),
            ("identity.file_unreadable", "revoked.feed"),
            ("identity.file_sound", "issuers.json"),
            ("identity.file_sound", "revoked.feed"),
        ]

    perform(tmp_path, scene, None, CONFIG)
