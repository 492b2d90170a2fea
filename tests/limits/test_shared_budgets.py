"""A budget over several workers is never overrun: whoever asks, whatever flows, whatever the store does.

Three workers of which each may be slow, die or lose its connection share a store that answers only when the test lets
it and may lose all it knew. What is counted against the store is what the test itself knows: the tokens of every
reservation under way, of every exchange that is over, and of those whose worker died, which may have been used.
"""

import secrets

from desks import MIDNIGHT, SharedDesk, valkey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardhouse.limits.book import Admitted, Pending
from guardhouse.limits.load import Load, exactly
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import LimitRule
from guardhouse.limits.shared.journeys import Place

AMOUNT = 1000
BUDGET = (LimitRule("b", quotas=(Quota("tokens", AMOUNT, "day", budget=True, bound=True),)),)
WORKERS = 3


class Worker:
    def __init__(self, number: int, prefix: str) -> None:
        self.number = number
        self.desk = SharedDesk(Place("127.0.0.1", valkey().port, worker=f"w{number}", timeout=2.0, prefix=prefix))
        self.wanted: list[tuple[Load, Pending]] = []
        self.open: list[list[int | Admitted]] = []  # an admission and what is reserved for it
        self.used = 0

    def be_there(self) -> None:
        """Wait for a connection that is being made, however busy the machine."""
        while self.desk.courier.away:
            self.desk.courier.open()
            self.desk.catch_up()

    @property
    def counted(self) -> int:
        return self.used + sum(reserved for _, reserved in self.open if isinstance(reserved, int))


class Scene:
    def __init__(self) -> None:
        self.prefix = secrets.token_hex(8)
        self.workers = [Worker(number, self.prefix) for number in range(WORKERS)]
        self.now = 0.0
        self.of_the_dead = 0

    def ask(self, worker: Worker, amount: int) -> None:
        self._ask(worker, Load(amount // 4, 0, amount, 0))

    def _ask(self, worker: Worker, load: Load) -> None:
        answer = worker.desk.book.admit("alice", BUDGET, load, self.now, MIDNIGHT + self.now)
        if isinstance(answer, Admitted):
            worker.open.append([answer, load.most_tokens])
        elif isinstance(answer, Pending):
            answer.resume = lambda: None
            worker.wanted.append((load, answer))

    def turn(self, worker: Worker, _: int) -> None:
        """The store answers."""
        worker.desk.catch_up()
        wanted, worker.wanted = worker.wanted, []
        for load, _pending in wanted:
            self._ask(worker, load)

    def take(self, worker: Worker, amount: int) -> None:
        self.ask(worker, amount)
        self.turn(worker, 0)

    def flow(self, worker: Worker, amount: int) -> None:
        """An answer gets longer, block by block, as far as it may."""
        for entry in worker.open[:1]:
            admitted, reserved = entry
            assert isinstance(admitted, Admitted)
            assert isinstance(reserved, int)
            for _ in range(8):
                if not worker.desk.book.extend(admitted, exactly(amount // 4, 0), MIDNIGHT + self.now):
                    break
                reserved += amount // 4
            entry[1] = reserved

    def settle(self, worker: Worker, amount: int) -> None:
        if worker.open:
            admitted, reserved = worker.open.pop(0)
            assert isinstance(admitted, Admitted)
            assert isinstance(reserved, int)
            worker.used += min(amount, reserved)
            worker.desk.book.settle(admitted, exactly(min(amount, reserved), 0), self.now)

    def sweep(self, worker: Worker, _: int) -> None:
        worker.desk.shared.sweep(self.now, MIDNIGHT + self.now)

    def lose(self, worker: Worker, _: int) -> None:
        """Its connection breaks with whatever is under way, and is made again."""
        wire = worker.desk.courier._wire
        if wire is not None:
            worker.desk.loop.run_until_complete(_moment())
            wire._end("cut")
        worker.desk.courier.open()

    def die(self, worker: Worker, _: int) -> None:
        self.of_the_dead += worker.counted
        worker.desk.close()
        client = valkey().client()
        for key in client.keys(self.prefix.encode() + f"\0alive*w{worker.number}*".encode()):
            client.delete(key)
        self.workers[worker.number] = Worker(worker.number, self.prefix)
        self.workers[worker.number].desk.now = self.now

    def empty(self, worker: Worker, amount: int) -> None:
        """The store loses everything, what the dead had told as well. All others find out within a second of their own,
        and one of them goes on asking meanwhile."""
        for each in self.workers:
            each.be_there()
        client = valkey().client()
        client.delete(*client.keys(self.prefix.encode() + b"\0*"))
        self.of_the_dead = 0
        for step in range(15):
            self.now += 0.4
            for each in self.workers:
                each.desk.now = self.now
                if each is worker:
                    self.take(each, amount)  # from what it holds, perhaps, and then the sweep alone finds out
                if step % 3 == each.number:
                    self.sweep(each, 0)
                    each.desk.catch_up()

    def close(self) -> None:
        for worker in self.workers:
            worker.desk.close()


async def _moment() -> None:
    """The loop turns once: what was to be said is said, and nobody has heard the answer."""


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "ask", "turn", "flow", "flow", "settle", "sweep", "lose", "die", "empty"]),
        st.integers(0, WORKERS - 1),
        st.integers(1, 400),
    ),
    min_size=20,
    max_size=60,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(ACTS)
def test_whatever_happens_what_is_used_and_reserved_never_exceeds_the_budget(acts: list[tuple[str, int, int]]) -> None:
    scene = Scene()
    try:
        for act, number, amount in acts:
            scene.now += 0.3
            worker = scene.workers[number]
            worker.desk.now = scene.now
            getattr(scene, act)(worker, amount)
            assert sum(each.counted for each in scene.workers) + scene.of_the_dead <= AMOUNT
    finally:
        scene.close()
