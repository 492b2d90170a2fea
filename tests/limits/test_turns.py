"""Those who wait for a place get one in the order in which they came, whatever happens around them."""

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.book import Admitted, Limited, Pending
from guardhouse.limits.load import NOTHING
from guardhouse.limits.rate import Concurrency, LimitRule, Queue
from guardhouse.limits.table import LimitTable

steps = st.lists(
    st.tuples(st.sampled_from(["come", "end", "ask", "refuse", "leave", "cap"]), st.integers(0, 9)), max_size=80
)


class Scene:
    """One principal under one rule; everybody has a number, in the order of arrival."""

    def __init__(self) -> None:
        self.book = LimitTable()
        self.most = 2
        self.came = 0
        self.running: list[Admitted] = []
        self.waiting: dict[int, Pending] = {}
        self.called: list[int] = []
        self.entered: list[int] = []
        self.gone: set[int] = set()

    def ask(self, number: int) -> None:
        rules = (LimitRule("p", concurrent=Concurrency(self.most), queue=Queue(depth=6, wait=9.0)),)
        answer = self.book.admit("alice", rules, NOTHING, 0.0, 0.0)
        if isinstance(answer, Admitted):
            self.running.append(answer)
            self.entered.append(number)
        elif isinstance(answer, Pending):
            self.waiting[number] = answer
            answer.resume = lambda: self.called.append(number)
        else:
            assert isinstance(answer, Limited)
            self.gone.add(number)

    def step(self, what: str, at: int) -> None:
        if what == "come":
            self.came += 1
            self.ask(self.came)
        elif what == "end" and self.running:
            self.book.settle(self.running.pop(at % len(self.running)), NOTHING, 0.0)
        elif what == "ask" and self.called:
            number = self.called.pop(0)  # as the loop does, which keeps the order of its callbacks
            pending = self.waiting.pop(number)
            pending.asks()
            self.ask(number)
            pending.passed()
        elif what == "refuse" and self.called:
            number = self.called.pop(0)
            self.gone.add(number)
            pending = self.waiting.pop(number)
            pending.asks()
            pending.passed()
        elif what == "leave" and self.waiting:
            number = sorted(self.waiting)[at % len(self.waiting)]
            pending = self.waiting.pop(number)
            pending.resume = None
            if number in self.called:
                self.called.remove(number)
            self.gone.add(number)
            pending.passed()
        elif what == "cap":
            self.most = at % 4 + 1

    def check(self) -> None:
        assert self.entered == sorted(self.entered)
        still = set(range(1, self.came + 1)) - set(self.entered) - self.gone
        assert still == set(self.waiting)


@given(steps)
def test_nobody_is_overtaken_and_no_place_is_lost(steps: list[tuple[str, int]]) -> None:
    scene = Scene()
    for what, at in steps:
        scene.step(what, at)
        scene.check()
        if what != "cap":
            assert len(scene.running) <= 4
    for _ in range(200):  # everybody who waits comes through once the others end
        scene.step("ask", 0)
        scene.step("end", 0)
        scene.check()
    assert not scene.waiting
    scene.step("come", 0)
    assert scene.entered[-1:] == [scene.came]


@given(steps)
def test_never_are_more_inside_than_there_are_places(steps: list[tuple[str, int]]) -> None:
    scene = Scene()
    for what, at in steps:
        if what != "cap":
            scene.step(what, at)
        assert len(scene.running) <= 2
        if scene.waiting and not scene.called:
            assert len(scene.running) == 2
