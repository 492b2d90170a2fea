"""What callers are identified by: known before the first of them comes, and told of when it is not what was written."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from playbook import CONFIG, Play, perform

from guardhouse.identity.issuer_bulletin import IssuerBulletin, IssuerKeys
from guardhouse.model.bulletin import publish
from guardhouse.path.vouching import Vouching, until_told
from identity.revoking import publish_revoked
from identity.signing import URL, usable

TRUSTING = CONFIG + f"identity: {{issuers: {{corp: {{issuer: '{URL}', audience: [here]}}}}}}\n"


def known(age: float) -> IssuerBulletin:
    return IssuerBulletin(issuers={"corp": IssuerKeys(URL, usable(), time.time() - age)})


def events(play: Play) -> list[dict[str, Any]]:
    return [record for record in play.journal if record["kind"] == "event"]


@pytest.mark.parametrize("told", [known(age=60), IssuerBulletin(unavailable=("corp",))], ids=["had", "not to be had"])
def test_no_connection_is_taken_before_it_is_told_what_became_of_an_issuers_keys(
    tmp_path: Path, told: IssuerBulletin
) -> None:
    async def scene(play: Play) -> None:
        waiting = asyncio.create_task(until_told(play.plane, asyncio.Event(), look=0.0))
        for other in (known(age=50_000), IssuerBulletin(issuers={"corp": IssuerKeys("https://other.example", (), 0)})):
            publish(play.directory / "issuers.json", other)  # stale ones, and of whom the name meant before
            await play.turn()
            assert not waiting.done()
        publish(play.directory / "issuers.json", told)
        await waiting
        assert play.plane.tokens.awaited(time.time()) == []
        assert events(play) == []

    perform(tmp_path, scene, None, TRUSTING)


def test_what_does_not_come_is_told_of_and_keeps_the_worker_from_nothing(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await until_told(play.plane, asyncio.Event(), patience=0.0)
        await play.turn()
        assert [(event["name"], event["severity"], event["facts"]) for event in events(play)] == [
            ("identity.incomplete_at_start", "alert", {"missing": "corp"})
        ]

    perform(tmp_path, scene, None, TRUSTING)


def test_a_worker_that_is_to_end_waits_for_nothing(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        stopping = asyncio.Event()
        waiting = asyncio.create_task(until_told(play.plane, stopping))
        await play.turn()
        stopping.set()
        await waiting
        await play.turn()
        assert events(play) == []

    perform(tmp_path, scene, None, TRUSTING)


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
        told = [(event["name"], event["facts"]["file"]) for event in events(play)]
        assert told == [
            ("identity.file_unreadable", "issuers.json"),
            ("identity.file_unreadable", "keys.feed"),
            ("identity.file_unreadable", "revoked.feed"),
            ("identity.file_sound", "issuers.json"),
            ("identity.file_sound", "revoked.feed"),
        ]

    perform(tmp_path, scene, None, CONFIG)
