"""`features`: switches by name, on, off, or on for a share of the principals, that policies are made to depend on.

A policy with `if_feature` speaks only of those for whom the feature is on, and an expression asks `"name" in features`.
So a new rule is written once and let in step by step by changing one word. The share of a feature is always the same
principals, and a larger one keeps them (shares.py); two features are independent of each other.
"""

import re
from collections.abc import Iterator, Sequence

from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Kind, MapOf
from guardhouse.policy.shares import Shares

Policies = int
Flags = dict[str, float]  # name -> percent of the principals for whom it is on

_SHARE = re.compile(r"([0-9]{1,2}(?:\.[0-9])?)%")
_WORDS = {"off": 0.0, "on": 100.0}


def parse_flag(text: str) -> float | None:
    if text in _WORDS:
        return _WORDS[text]
    match = _SHARE.fullmatch(text)
    share = float(match[1]) if match else 0.0
    return share or None


def show_flag(share: float) -> str:
    return next((word for word, held in _WORDS.items() if held == share), f"{share:g}%")


FEATURES: Kind[Flags] = MapOf(
    kinds.SECTION_NAME,
    kinds.Figure(
        parse_flag,
        show_flag,
        r"(on|off|[0-9]{1,2}(\.[0-9])?%)",
        "a switch; write on, off, or a share of the principals such as 5%",
    ),
)


class Features:
    """Which features are on for whom, and which policies wait for them."""

    __slots__ = ("_flags", "_shares", "_waiting", "policies")

    def __init__(self, flags: Flags, asked: Sequence[str | None], shares: Shares) -> None:
        """`asked[n]` is the feature that policy n depends on."""
        self._flags = flags
        self._shares = shares
        self._waiting: dict[str, Policies] = {}
        for number, name in enumerate(asked):
            if name is not None:
                self._waiting[name] = self._waiting.get(name, 0) | 1 << number
        self.policies: Policies = sum(self._waiting.values())

    def __repr__(self) -> str:
        return f"<Features {', '.join(f'{name} {show_flag(share)}' for name, share in self._flags.items())}>"

    def is_on(self, name: str, principal_id: str) -> bool:
        share = self._flags[name]
        if share in _WORDS.values():
            return bool(share)
        return self._shares.position(f"feature {name}", principal_id) < share

    def on_for(self, principal_id: str) -> frozenset[str]:
        return frozenset(name for name in self._flags if self.is_on(name, principal_id))

    def switched_off(self, principal_id: str) -> Policies:
        """The policies that do not speak of this principal, because their feature is not on for it."""
        return sum(waiting for name, waiting in self._waiting.items() if not self.is_on(name, principal_id))

    def show(self, name: str) -> str:
        return show_flag(self._flags[name])


NO_FEATURES = Features({}, (), Shares(b""))


def unused(flags: Flags, asked: set[str]) -> Iterator[tuple[Path, str]]:
    for name in flags:
        if name not in asked:
            yield ("features", name), "no policy asks for this feature"
