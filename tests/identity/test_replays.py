import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.identity.replays import SLOTS, Replays, Seen


def nonce(number: int, bucket: int = 0, owner: bytes = b"own1") -> bytes:
    return owner + bucket.to_bytes(4) + number.to_bytes(8)


def test_a_nonce_counts_once_as_long_as_it_is_remembered(tmp_path: Path) -> None:
    replays = Replays(tmp_path / "nonces")
    assert replays.use(nonce(1), 10.0, 20.0, 10.0) is Seen.FIRST
    assert replays.use(nonce(1), 10.0, 20.0, 20.0) is Seen.AGAIN
    assert replays.use(nonce(2), 10.0, 20.0, 20.0) is Seen.FIRST
    assert replays.use(nonce(1), 21.0, 40.0, 20.5) is Seen.FIRST
    replays.close()


def test_another_worker_knows_what_one_has_seen(tmp_path: Path) -> None:
    one, other = Replays(tmp_path / "nonces"), Replays(tmp_path / "nonces")
    assert one.use(nonce(1), 10.0, 20.0, 10.0) is Seen.FIRST
    assert other.use(nonce(1), 10.0, 20.0, 11.0) is Seen.AGAIN
    other.close()
    assert Replays(tmp_path / "nonces").use(nonce(1), 10.0, 20.0, 11.0) is Seen.AGAIN
    one.close()


def test_what_was_signed_before_the_memory_began_is_refused(tmp_path: Path) -> None:
    replays = Replays(tmp_path / "nonces")
    assert replays.use(nonce(1), 9.9, 20.0, 10.0) is Seen.EARLY
    replays.use(nonce(2), 10.0, 20.0, 10.0)
    replays.close()
    (tmp_path / "nonces").unlink()
    assert Replays(tmp_path / "nonces").use(nonce(2), 10.0, 20.0, 11.0) is Seen.EARLY
    (tmp_path / "nonces").write_bytes(b"damaged")
    assert Replays(tmp_path / "nonces").use(nonce(2), 10.0, 20.0, 12.0) is Seen.EARLY


def test_what_cannot_be_remembered_is_refused_until_there_is_room(tmp_path: Path) -> None:
    replays = Replays(tmp_path / "nonces")
    for number in range(SLOTS // 2):
        assert replays.use(nonce(number), 10.0, 20.0, 10.0) is Seen.FIRST
    assert replays.use(nonce(SLOTS), 10.0, 20.0, 10.0) is Seen.FULL
    assert replays.use(nonce(3), 10.0, 20.0, 10.0) is Seen.AGAIN
    assert replays.use(nonce(1, bucket=1), 10.0, 20.0, 10.0) is Seen.FIRST
    assert replays.use(nonce(SLOTS), 21.0, 30.0, 21.0) is Seen.FIRST
    replays.close()


def test_nobody_can_take_all_the_room_there_is(tmp_path: Path) -> None:
    replays = Replays(tmp_path / "nonces")
    had = []
    for owner in (b"own1", b"own2", b"own3", b"own4"):
        seen = [replays.use(nonce(number, owner=owner), 10.0, 20.0, 10.0) for number in range(SLOTS)]
        had.append(seen.count(Seen.FIRST))
    assert had == [SLOTS // 2, SLOTS // 4, SLOTS // 8, SLOTS // 16]
    replays.close()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=40))
def test_no_nonce_is_ever_the_first_twice(tmp_path_factory: object, uses: list[tuple[int, int]]) -> None:
    file = Path(tmp_path_factory.mktemp("nonces")) / "nonces"  # type: ignore[attr-defined]
    workers = [Replays(file) for _ in range(3)]
    firsts: set[int] = set()
    for number, worker in uses:
        seen = workers[worker].use(nonce(number), 10.0, 20.0, 10.0)
        assert (seen is Seen.FIRST) == (number not in firsts)
        firsts.add(number)
    for each in workers:
        each.close()


RACE = """
import sys
from pathlib import Path
from guardhouse.identity.replays import Replays, Seen
replays = Replays(Path(sys.argv[1]))
sys.stdin.readline()
print(sum(replays.use(bytes(4) + n.to_bytes(4) + bytes(8), 10.0, 99.0, 10.0) is Seen.FIRST for n in range(3000)))
"""


def test_processes_that_race_for_the_same_nonces_get_each_once(tmp_path: Path) -> None:
    Replays(tmp_path / "nonces").use(nonce(1, bucket=4000), 10.0, 20.0, 10.0)
    command = [sys.executable, "-c", RACE, str(tmp_path / "nonces")]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    counts = []
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        counts.append(int(racer.communicate(timeout=60)[0]))
    assert sum(counts) == 3000
