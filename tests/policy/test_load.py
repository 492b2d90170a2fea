from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardhouse.policy.load import Loaded, load, load_content

TEXT = """\
version: 1
listen: {address: "127.0.0.1:0", deadlines: {header: 10s}}
workers: 1
targets:
  local: {kind: openai, url: "http://127.0.0.1:8000", credential: "${env:KEY}"}
models:
  small: {targets: [local]}
policies:
  - name: p
    who: {ids: [alice], groups: [g]}
    may: [chat, models.read]
    models: [small]
    limits: {requests: 60/min, tokens: 200k/day}
    mask: {entities: [email], where: [request]}
"""
ENVIRON = {"KEY": "canary-value"}


def problems(path: Path) -> list[str]:
    outcome = load(path, ENVIRON)
    assert not isinstance(outcome, Loaded)
    return [str(problem) for problem in outcome]


def test_a_good_file_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "guardhouse.yaml").write_text(TEXT)
    assert isinstance(load(tmp_path / "guardhouse.yaml", ENVIRON), Loaded)


def test_secrets_come_from_the_process_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "guardhouse.yaml").write_text(TEXT)
    monkeypatch.delenv("KEY", raising=False)
    assert not isinstance(load(tmp_path / "guardhouse.yaml"), Loaded)
    monkeypatch.setenv("KEY", "value")
    assert isinstance(load(tmp_path / "guardhouse.yaml"), Loaded)


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.yaml") == [f"{tmp_path}/none.yaml: cannot be read: No such file or directory"]
    assert problems(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]


def test_a_file_beyond_the_bound_is_not_read_on(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_bytes(b"# comment\n" * 100_000)
    assert problems(tmp_path / "large.yaml") == [
        f"{tmp_path}/large.yaml: cannot be read: larger than 512 KiB, which is all that is taken"
    ]


def test_problems_of_every_step_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = TEXT.replace("workers: 1", "workers: 2").replace("KEY", "OTHER").replace("10s", "10") + "workers: 3\n"
    (tmp_path / "guardhouse.yaml").write_text(text)
    told = [line.removeprefix(f"{tmp_path}/guardhouse.yaml") for line in problems(tmp_path / "guardhouse.yaml")]
    assert [line.split(": ")[0] + ": " + line.split(": ")[1] for line in told] == [
        ":2: listen.deadlines.header",
        ":3: workers",
        ":5: targets.local.credential",
        ':15: the key "workers" stands here again, after line 3',
    ]


def test_a_missing_certificate_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "key.pem").mkdir()
    (tmp_path / "guardhouse.yaml").write_text(
        "listen: {tls: {certificate: cert.pem, key: key.pem}}\n" + TEXT[TEXT.index("targets") :]
    )
    told = problems(tmp_path / "guardhouse.yaml")
    assert [line.split(": ", 1)[1] for line in told] == [
        "listen.tls.certificate: the file cert.pem cannot be read",
        "listen.tls.key: the file key.pem cannot be read",
    ]


def test_no_secret_is_in_what_is_returned(tmp_path: Path) -> None:
    (tmp_path / "guardhouse.yaml").write_text(TEXT)
    assert "canary-value" not in repr(load(tmp_path / "guardhouse.yaml", ENVIRON))


TOKENS = [
    "5",
    "''",
    "[]",
    "{}",
    "null",
    "true",
    "*",
    "chat",
    "60/min",
    "{a: 1}",
    "[a]",
    ":",
    "&x",
    "*x",
    "\n",
    "  ",
    "- x",
]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_configuration_is_loaded_or_told_about_and_never_raises(data: st.DataObject) -> None:
    """Pieces of a good file are replaced, so that the damage reaches every step behind the parser."""
    pieces = TEXT.replace("\n", " \n ").split(" ")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(pieces) - 1))
        pieces[at] = data.draw(st.sampled_from([*TOKENS, *pieces]))
    text = " ".join(pieces).replace(" \n ", "\n")
    outcome = load_content(text.encode(), Path("guardhouse.yaml"), ENVIRON)
    assert isinstance(outcome, Loaded) or outcome
    assert "canary-value" not in repr(outcome)


def test_of_a_file_that_is_wrong_from_end_to_end_a_hundred_problems_are_told_and_the_rest_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[str] = []

    def close(word: str, known: Collection[str], n: int) -> list[str]:
        compared.append(word)
        assert len(known) <= 300
        return []

    monkeypatch.setattr("difflib.get_close_matches", close)
    wrong = TEXT + "".join(f"key{number}: 1\n" for number in range(3000))
    *told, rest = load_content(wrong.encode(), Path("guardhouse.yaml"), ENVIRON)  # type: ignore[misc]
    assert len(told) == len(compared) == 100
    assert str(rest) == "guardhouse.yaml: and 2900 more"


def test_of_names_that_lead_nowhere_a_hundred_are_told_too() -> None:
    models = ", ".join(f"m{number}" for number in range(1000))
    *told, rest = load_content(  # type: ignore[misc]
        TEXT.replace("models: [small]", f"models: [{models}]").encode(), Path("guardhouse.yaml"), ENVIRON
    )
    assert {problem.path.partition("[")[0] for problem in told} == {"policies"}
    assert (len(told), str(rest)) == (100, "guardhouse.yaml: and 1 more, at least")
