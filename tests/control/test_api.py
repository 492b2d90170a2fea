"""What every route of the administration API does before it acts, shown on the routes of keys."""

from pathlib import Path

import httpx
import pytest
from administering import BASE, POLICY, Stage, perform

from guardhouse.control.api import MOST_BYTES


@pytest.mark.parametrize("carrier", ["authorization", "x-api-key", "api-key"])
def test_each_carrier_of_a_credential_leads_to_the_same_decision(tmp_path: Path, carrier: str) -> None:
    async def scene(stage: Stage) -> None:
        for key, status in ((stage.key("root", "root"), 200), (stage.key("alice"), 403)):
            value = f"Bearer {key}" if carrier == "authorization" else key
            answer = await stage.client.get("/api/v1/keys", headers={carrier: value})
            assert answer.status_code == status

    perform(tmp_path, scene)


def test_two_credentials_are_refused_whoever_they_are_of(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        one, two = stage.key("root", "root"), stage.key("olga", "root")
        both = await stage.client.get("/api/v1/keys", headers={"x-api-key": one, "api-key": two})
        twice = await stage.client.get("/api/v1/keys", headers=[("x-api-key", one), ("x-api-key", one)])
        assert (both.status_code, both.json()["error"]["code"]) == (401, "credentials_conflict")
        assert (twice.status_code, twice.json()["error"]["code"]) == (400, "header_invalid")

    perform(tmp_path, scene)


def test_a_refusal_for_lack_of_rights_is_recorded(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key = stage.key("alice", groups=("research",))
        assert (await stage.ask("POST", "/api/v1/keys", key, {"principal": "eve"})).status_code == 403
        [event] = [event for event in stage.events if event["name"] == "admin.denied"]
        assert (event["principal"], event["facts"]["operation"]) == ("alice", "keys.write")

    perform(tmp_path, scene)


def test_the_circumstances_of_a_policy_count_at_this_port_too(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        headers = {"x-api-key": stage.key("root", "root")}
        async with stage.browser("198.51.100.7") as afar:
            answer = await afar.post("/api/v1/keys", headers=headers, json={"principal": "bob"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "policy_denied")
            assert (await afar.get("/api/v1/keys", headers=headers)).status_code == 200

    perform(tmp_path, scene)


def test_a_change_of_the_policy_is_felt_at_the_next_request(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        key = stage.key("root", "root")
        assert (await stage.ask("GET", "/api/v1/keys", key)).status_code == 200
        stage.activate(POLICY.replace("roles: [root]", "roles: [nobody]"))
        assert (await stage.ask("GET", "/api/v1/keys", key)).status_code == 403

    perform(tmp_path, scene)


def test_a_narrowed_token_administers_only_what_it_was_narrowed_to(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": stage.key("root", "root"),
            "subject_token_type": "urn:guardhouse:token-type:api-key",
            "scope": "keys.read",
        }
        made = await stage.client.post("/api/v1/token", data=form)
        stage.callers._tokens.refresh()
        token = made.json()["access_token"]
        assert (await stage.ask("GET", "/api/v1/keys", token)).status_code == 200
        assert (await stage.ask("POST", "/api/v1/keys", token, {"principal": "bob"})).status_code == 403

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "body_missing"),
        (b"{", "json_malformed"),
        (b'{"principal":"bob","principal":"root"}', "json_duplicate_key"),
        (b'{"principal":"bob","colour":"vermilion"}', "shape_invalid"),
        (b'{"principal":7}', "shape_invalid"),
        (b'{"principal":"two words"}', "shape_invalid"),
        (b'{"principal":"bob","operations":["fly"]}', "shape_invalid"),
        (b'{"principal":"bob","operations":[]}', "shape_invalid"),
        (b'{"principal":"bob","service":true}', "shape_invalid"),
        (b'{"principal":"bob","expires_in":-1}', "shape_invalid"),
        (b'{"principal":"bob","groups":["' + b"x" * MOST_BYTES + b'"]}', "body_too_large"),
    ],
)
def test_a_body_is_read_strictly_and_never_repeated(tmp_path: Path, content: bytes, code: str) -> None:
    async def scene(stage: Stage) -> None:
        headers = {"x-api-key": stage.key("root", "root"), "content-type": "application/json"}
        answer = await stage.client.post("/api/v1/keys", headers=headers, content=content)
        assert 400 <= answer.status_code < 500
        assert answer.json()["error"]["code"] == code
        assert not any(word in answer.text for word in ("vermilion", "two words", "fly", "xxx"))
        assert len(stage.store.list()) == 1

    perform(tmp_path, scene)


def test_a_body_of_another_type_is_refused(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        headers = {"x-api-key": stage.key("root", "root"), "content-type": "text/plain"}
        answer = await stage.client.post("/api/v1/keys", headers=headers, content=b'{"principal":"bob"}')
        assert answer.status_code == 415

    perform(tmp_path, scene)


@pytest.mark.parametrize("query", ["?colour=red", "?limit=1&limit=2", "?limit=0", "?limit=1001", "?limit=x"])
def test_a_query_is_read_strictly(tmp_path: Path, query: str) -> None:
    async def scene(stage: Stage) -> None:
        answer = await stage.ask("GET", f"/api/v1/keys{query}", stage.key("root", "root"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "shape_invalid")

    perform(tmp_path, scene)


def test_no_answer_may_be_kept(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answers: list[httpx.Response] = [
            await stage.ask("GET", "/api/v1/keys", stage.key("root", "root")),
            await stage.ask("GET", "/api/v1/keys"),
            await stage.ask("GET", "/api/v1/openapi.json"),
        ]
        for answer in answers:
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"

    perform(tmp_path, scene)


def test_a_foreign_host_is_turned_away(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        headers = {"x-api-key": stage.key("root", "root"), "host": "evil.example"}
        assert (await stage.client.get(f"{BASE}/api/v1/keys", headers=headers)).status_code == 421

    perform(tmp_path, scene)
