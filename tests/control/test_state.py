import os
import stat
from pathlib import Path

import pytest

from guardhouse.control.state import State, StateRefused, load_secrets, lock, prepare


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "deep" / "state")


def test_what_is_missing_is_made_for_the_owner_only(state: State) -> None:
    prepare(state)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (state.pepper, state.hash_key)} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (state.root, state.secrets, state.run)} == {0o700}
    assert sorted(path.name for path in state.secrets.iterdir()) == ["hash-key", "pepper", "token-key"]


def test_each_secret_is_random_and_loads_as_it_was_made(state: State, tmp_path: Path) -> None:
    made = prepare(state)
    other = prepare(State(tmp_path / "other"))
    values = {made.pepper.reveal(), made.hash_key.reveal(), other.pepper.reveal(), other.hash_key.reveal()}
    assert len(values) == 4
    assert all(len(bytes.fromhex(value)) == 32 for value in values)
    assert load_secrets(state) == made


def test_a_secret_is_never_overwritten(state: State) -> None:
    made = prepare(state)
    state.hash_key.unlink()
    again = prepare(state)
    assert again.pepper == made.pepper
    assert again.hash_key != made.hash_key


def test_a_damaged_secret_is_refused_and_left_as_it_is(state: State) -> None:
    prepare(state)
    state.pepper.write_text("")
    with pytest.raises(StateRefused, match="restore it from a backup"):
        prepare(state)
    assert state.pepper.read_text() == ""


@pytest.mark.parametrize(("mode", "whom"), [(0o640, "its group"), (0o604, "everybody"), (0o620, "its group")])
def test_a_secret_that_others_may_touch_is_refused_with_the_remedy(state: State, mode: int, whom: str) -> None:
    prepare(state)
    state.pepper.chmod(mode)
    with pytest.raises(StateRefused, match=f"open to {whom}; run: chmod 600"):
        load_secrets(state)


def test_a_missing_secret_is_named(state: State) -> None:
    with pytest.raises(StateRefused, match="pepper is missing"):
        load_secrets(state)


@pytest.mark.parametrize("content", ["", "00", "zz" * 32, "00" * 33, "é" * 32])
def test_a_refusal_does_not_repeat_what_the_file_holds(state: State, content: str) -> None:
    prepare(state)
    state.hash_key.write_text(content + "canary")
    with pytest.raises(StateRefused) as refused:
        load_secrets(state)
    assert "canary" not in str(refused.value)


def test_secrets_have_no_readable_repr(state: State) -> None:
    made = prepare(state)
    assert made.pepper.reveal() not in f"{made!r}{made}"
    assert made.hash_key.reveal() not in f"{made!r}{made}"


def test_a_state_directory_has_one_supervisor(state: State) -> None:
    prepare(state)
    held = lock(state)
    with pytest.raises(StateRefused, match="another guardhouse"):
        lock(state)
    os.close(held)
    os.close(lock(state))
