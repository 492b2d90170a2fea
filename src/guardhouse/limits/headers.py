"""What a caller is told of its limits: header lines, ready to be sent.

Two vocabularies side by side. `ratelimit-policy` and `ratelimit` are the structured fields of the IETF draft (one item
per rule and kind: quota and window, then what is left and the seconds until it is whole again). The `x-ratelimit-*`
six are what SDKs of the OpenAI dialect read; they have room for one limit per kind, so the tightest one is shown.

Quotas and budgets stand in both as well, by `policy:tokens/day`; money is shown in hundredths of its unit
(`qu="EUR/100"`) and only in the first vocabulary, as are the places of a concurrency cap. Their figures come
ready-made with the admission (`more`), two per place or quota: what is left, and the seconds until it is whole again.

On the path of every limited request: all that a set of rules fixes is put together once and kept, and a rendering
fills in numbers. Policy names stand in quoted strings here; the schema admits only names that need no escaping.
"""

from functools import lru_cache
from math import ceil
from typing import Final

from guardhouse.limits.book import Admission, Kind
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import LimitRule, Rate

_UNLIMITED: Final = float("inf")
_HUNDREDTH: Final = 10_000_000  # of a unit of money, in billionths
_RULE_SETS: Final = 4096  # sets of rules kept; there are as many as there are different grants in use


class _Item:
    """One rule and kind; a plain class, because the compiled build turns its attributes into members of a C struct."""

    __slots__ = ("capacity", "requests", "seconds_per_token", "single")

    def __init__(self, rate: Rate, *, requests: bool, single: bytes) -> None:
        self.capacity = rate.amount
        self.seconds_per_token = rate.window / rate.amount
        self.requests = requests
        self.single = single  # the x-ratelimit lines, with places for what is left and the reset


class _Extra:
    """A place count or a quota."""

    __slots__ = ("kind", "single", "unit")

    def __init__(self, kind: Kind, single: bytes) -> None:
        self.kind: Kind = kind
        self.single = single
        self.unit = _HUNDREDTH if kind == "money" else 1


class _Lines:
    __slots__ = ("extras", "fields", "formats", "items")

    def __init__(self, items: list[_Item], extras: list[_Extra], fields: bytes) -> None:
        self.items = items
        self.extras = extras
        self.fields = fields  # both structured fields, with two places per item and extra
        self.formats: dict[int, bytes] = {}  # the same, and the x-ratelimit lines of those that are the tightest

    def format(self, requests: int, tokens: int) -> bytes:
        """For the tightest of either kind by their numbers among items and extras; -1 where there is none."""
        key = requests * (len(self.items) + len(self.extras) + 1) + tokens
        found = self.formats.get(key)
        if found is None:
            singles = [*[item.single for item in self.items], *[extra.single for extra in self.extras], b""]
            found = self.formats[key] = self.fields + singles[requests] + singles[tokens]
        return found


def render(admission: Admission) -> bytes:
    """All limit headers of an answer, each line with its end; nothing when no rule limits."""
    lines, levels = _lines(admission.rules), admission.levels
    figures: list[object] = []
    lowest_requests = lowest_tokens = _UNLIMITED
    requests = tokens = -1
    for number, item in enumerate(lines.items):
        level = levels[number]
        figures.append(int(level) if level > 0.0 else 0)
        figures.append(ceil((item.capacity - level) * item.seconds_per_token - 1e-6))
        if item.requests:
            if level < lowest_requests:
                lowest_requests, requests = level, number
        elif level < lowest_tokens:
            lowest_tokens, tokens = level, number
    more = admission.more
    if more is not None:
        behind = len(lines.items)
        for number, extra in enumerate(lines.extras):
            left = more[2 * number] // extra.unit
            figures.append(left)
            figures.append(more[2 * number + 1])
            if extra.kind == "requests" and left < lowest_requests:
                lowest_requests, requests = float(left), behind + number
            elif extra.kind == "tokens" and left < lowest_tokens:
                lowest_tokens, tokens = float(left), behind + number
    for tightest in (requests, tokens):
        if tightest >= 0:
            reset = figures[2 * tightest + 1]
            assert isinstance(reset, int)
            figures.append(figures[2 * tightest])
            figures.append(duration(reset))
    return lines.format(requests, tokens) % tuple(figures)


@lru_cache(maxsize=4096)
def duration(seconds: int) -> bytes:
    """`6m0s`: hours, minutes and seconds from the largest that is there."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return b"%dh%dm%ds" % (hours, minute, second)
    return b"%dm%ds" % (minute, second) if minute else b"%ds" % second


@lru_cache(maxsize=_RULE_SETS)
def _lines(rules: tuple[LimitRule, ...]) -> _Lines:
    items: list[_Item] = []
    policies: list[bytes] = []
    states: list[bytes] = []
    for rule in rules:
        for kind, rate in _limited(rule):
            name = f'"{rule.policy}"' if kind == "requests" else f'"{rule.policy}:tokens"'
            unit = "" if kind == "requests" else ';qu="tokens"'
            policies.append(f"{name};q={rate.amount};w={rate.window:.0f}{unit}".encode())
            states.append(name.encode().replace(b"%", b"%%") + b";r=%d;t=%d")
            items.append(_Item(rate, requests=kind == "requests", single=_single(kind, rate.amount)))
    extras = [_extra(rule, limit, policies, states) for rule in rules for limit in _limited_more(rule)]
    if not policies:
        return _Lines([], [], b"")
    policy_line = b", ".join(policies).replace(b"%", b"%%")
    return _Lines(items, extras, b"ratelimit-policy: %b\r\nratelimit: %b\r\n" % (policy_line, b", ".join(states)))


def _limited(rule: LimitRule) -> list[tuple[Kind, Rate]]:
    """In the order in which an admission lists its levels."""
    pairs: list[tuple[Kind, Rate | None]] = [("requests", rule.requests), ("tokens", rule.tokens)]
    return [(kind, rate) for kind, rate in pairs if rate is not None]


def _limited_more(rule: LimitRule) -> list[Quota | None]:
    """In the order in which an admission lists its further figures; None is the place count."""
    return [*([] if rule.concurrent is None else [None]), *rule.quotas]


def _extra(rule: LimitRule, quota: Quota | None, policies: list[bytes], states: list[bytes]) -> _Extra:
    if quota is None:
        assert rule.concurrent is not None
        name, figures = f'"{rule.policy}:concurrent"', f'q={rule.concurrent.amount};qu="concurrent-requests"'
        extra = _Extra("concurrent", b"")
    else:
        extra = _Extra(quota.unit, b"" if quota.unit == "money" else _single(quota.unit, quota.amount))
        name = f'"{rule.policy}:{quota.what}/{quota.window}"'
        unit = {"requests": "", "tokens": ';qu="tokens"', "money": f';qu="{quota.currency}/100"'}[quota.unit]
        figures = f"q={quota.amount // extra.unit};w={quota.seconds}{unit}"
    policies.append(f"{name};{figures}".encode())
    states.append(name.encode().replace(b"%", b"%%") + b";r=%d;t=%d")
    return extra


def _single(kind: Kind, amount: int) -> bytes:
    lines = (
        f"x-ratelimit-limit-{kind}: {amount}",
        f"x-ratelimit-remaining-{kind}: %d",
        f"x-ratelimit-reset-{kind}: %b",
    )
    return "".join(line + "\r\n" for line in lines).encode()
