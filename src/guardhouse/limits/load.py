"""What an exchange takes of limits, in two figures each of tokens and of money: by estimate, and at most.

Rates and quotas keep use even, and an estimate serves them: it is small, and what it has missed is put right when the
exchange is over. A budget must not be overrun however many exchanges are under way, so it reserves the most that can be
used (`Quota.bound`), unless its policy says that the estimate will do. Of what was reported both figures are the same.
"""

from guardhouse.limits.quota import Quota


class Load:
    __slots__ = ("money", "most_money", "most_tokens", "tokens")

    def __init__(self, tokens: int, money: int, most_tokens: int, most_money: int) -> None:
        self.tokens = tokens
        self.money = money
        self.most_tokens = most_tokens
        self.most_money = most_money

    def __repr__(self) -> str:
        return f"<Load of {self.tokens} tokens and {self.money}, at most {self.most_tokens} and {self.most_money}>"


def exactly(tokens: int, money: int) -> Load:
    """What is known and no estimate; no figure is less than nothing."""
    tokens, money = max(0, tokens), max(0, money)
    return Load(tokens, money, tokens, money)


NOTHING = exactly(0, 0)


def asked(quota: Quota, load: Load) -> int:
    """What of it one quota counts."""
    if quota.unit == "requests":
        return 1
    if quota.unit == "tokens":
        return load.most_tokens if quota.bound else load.tokens
    return load.most_money if quota.bound else load.money
