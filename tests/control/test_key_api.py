"""Keys over HTTP: made once and shown once, never more powerful than their maker."""

import time
from pathlib import Path
from typing import Any

import pytest
from administering import Stage, perform

from guardhouse.audit.journal import Journal
from guardhouse.identity.api_keys import KeyTerms
from guardhouse.model.principal import Principal

Document = dict[str, Any]


def whom(stage: Stage, key: str) -> str:
    found = stage.callers.identify(key.encode(), "127.0.0.1", time.time())
    return found.id if isinstance(found, Principal) else found.reason.code


async def make(stage: Stage, key: str, **terms: Any) -> Document:
    answer = await stage.ask("POST", "/api/v1/keys", key, {"principal": "bob", **terms})
    assert answer.status_code == 201, answer.text
    made: Document = answer.json()
    return made


def test_a_key_that_is_made_works_and_is_shown_only_then(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        root = stage.key("root", "root")
        made = await make(stage, root, groups=["research"], tier="gold", expires_in=60, models=["small"])
        assert whom(stage, made["key"]) == "bob"
        assert (made["groups"], made["tier"], made["state"], made["models"]) == (
            ["research"],
            "gold",
            "active",
            ["small"],
        )
        assert made["expires_at"] == pytest.approx(made["created_at"] + 60)
        shown = await stage.ask("GET", f"/api/v1/keys/{made['id']}", root)
        listed = await stage.ask("GET", "/api/v1/keys", root)
        for text in (shown.text, listed.text, stage.written().decode()):
            assert made["key"] not in text
            assert "digest" not in text
        assert shown.json() == {name: made[name] for name in shown.json()}
        assert made.keys() - shown.json().keys() == {"key", "replaces", "old_until"}

    perform(tmp_path, scene)


def test_keys_are_listed_page_by_page(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        root = stage.key("root", "root")
        for number in range(5):
            stage.key(f"user-{number}")
        found, after, pages = [], "", 0
        while True:
            page = (await stage.ask("GET", f"/api/v1/keys?limit=2&after={after}", root)).json()
            found += [key["id"] for key in page["keys"]]
            pages += 1
            if page["next"] is None:
                break
            after = page["next"]
        assert (len(found), pages) == (6, 3)
        assert found == sorted(record.id for record in stage.store.list())
        only = (await stage.ask("GET", "/api/v1/keys?principal=user-3", root)).json()["keys"]
        assert [key["principal"] for key in only] == ["user-3"]

    perform(tmp_path, scene)


def test_a_revoked_key_ends_and_the_first_moment_stays(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        root = stage.key("root", "root")
        made = await make(stage, root)
        first = await stage.ask("POST", f"/api/v1/keys/{made['id']}/revoke", root)
        again = await stage.ask("POST", f"/api/v1/keys/{made['id']}/revoke", root)
        assert first.json() == again.json()
        assert first.json()["state"] == "revoked"
        assert whom(stage, made["key"]) == "credential_revoked"
        names = [(event["name"], event["by"]) for event in stage.events]
        assert names == [("key.created", "root"), ("key.revoked", "root")]

    perform(tmp_path, scene)


def test_a_rotation_makes_a_key_under_the_same_terms(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        root = stage.key("root", "root")
        old = await make(stage, root, groups=["research"])
        answer = await stage.ask("POST", f"/api/v1/keys/{old['id']}/rotate", root, {"overlap": 30})
        new = answer.json()
        assert (answer.status_code, new["replaces"], new["groups"]) == (201, old["id"], ["research"])
        assert whom(stage, old["key"]) == whom(stage, new["key"]) == "bob"
        at_once = await stage.ask("POST", f"/api/v1/keys/{new['id']}/rotate", root, {"overlap": 0})
        assert at_once.status_code == 201
        assert whom(stage, new["key"]) == "credential_revoked"
        ended = await stage.ask("POST", f"/api/v1/keys/{new['id']}/rotate", root, {})
        assert (ended.status_code, ended.json()["error"]["code"]) == (409, "key_revoked")

    perform(tmp_path, scene)


@pytest.mark.parametrize("path", ["", "/revoke", "/rotate"])
def test_a_key_that_is_not_there_is_not_found(tmp_path: Path, path: str) -> None:
    async def scene(stage: Stage) -> None:
        method = "POST" if path else "GET"
        body: Document | None = {} if path else None
        answer = await stage.ask(method, f"/api/v1/keys/nobodynobody{path}", stage.key("root", "root"), body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")

    perform(tmp_path, scene)


@pytest.mark.parametrize("terms", [{"roles": ["root"]}, {"roles": ["may-suspend"]}, {"roles": ["x", "may-audit.read"]}])
def test_nobody_makes_a_key_that_could_administer_more(tmp_path: Path, terms: Document) -> None:
    async def scene(stage: Stage) -> None:
        maker = stage.key("kim", "may-keys.write")
        answer = await stage.ask("POST", "/api/v1/keys", maker, {"principal": "eve", **terms})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "operation_denied")
        assert [record.principal for record in stage.store.list()] == ["kim"]
        narrowed = await stage.ask("POST", "/api/v1/keys", maker, {"principal": "eve", "operations": ["chat"], **terms})
        assert narrowed.status_code == 201
        assert (
            await stage.ask("POST", "/api/v1/keys", maker, {"principal": "lee", "roles": ["may-keys.write"]})
        ).json()

    perform(tmp_path, scene)


def test_nobody_takes_over_a_more_powerful_key_by_rotation_but_may_end_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        root, maker = stage.key("root", "root"), stage.key("kim", "may-keys.write")
        [root_id] = [record.id for record in stage.store.list() if record.principal == "root"]
        taken = await stage.ask("POST", f"/api/v1/keys/{root_id}/rotate", maker, {"overlap": 0})
        assert taken.status_code == 403
        assert whom(stage, root) == "root"
        assert (await stage.ask("POST", f"/api/v1/keys/{root_id}/revoke", maker)).status_code == 200
        assert whom(stage, root) == "credential_revoked"

    perform(tmp_path, scene)


def test_the_id_of_somebody_with_rights_is_a_right_too(tmp_path: Path) -> None:
    policy = """\
version: 1
state: ./state
targets: {local: {kind: openai, url: "http://127.0.0.1:9"}}
models: {small: {targets: [local]}}
policies:
  - {name: use, who: {ids: [boss]}, may: [chat, administer], models: [small]}
  - {name: keys, who: {roles: [keys]}, may: [keys.write]}
"""

    async def scene(stage: Stage) -> None:
        answer = await stage.ask("POST", "/api/v1/keys", stage.key("kim", "keys"), {"principal": "boss"})
        assert answer.status_code == 403

    perform(tmp_path, scene, policy)


@pytest.mark.parametrize("rotated", [False, True])
def test_a_key_that_cannot_be_recorded_is_not_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rotated: bool
) -> None:
    async def full(_: Journal) -> OSError:
        return OSError("no space left")

    async def scene(stage: Stage) -> None:
        root = stage.key("root", "root")
        old = stage.ring.create(KeyTerms(principal="bob"), time.time())[1].id
        monkeypatch.setattr(Journal, "durable", full)
        path, body = (f"/api/v1/keys/{old}/rotate", {}) if rotated else ("/api/v1/keys", {"principal": "bob"})
        answer = await stage.ask("POST", path, root, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "audit_unavailable")
        assert "gh_" not in answer.text
        made = [record for record in stage.store.list() if record.principal == "bob" and record.id != old]
        assert [record.revoked_at is not None for record in made] == [True]

    perform(tmp_path, scene)
