"""One text, complete, with the rules applied in their order: the definition of masking."""

from guardhouse.inspect.entities import Rule, Rules
from guardhouse.inspect.escapes import behind
from guardhouse.inspect.private_key import KeyBlocks
from guardhouse.model.entity import Entity

Counts = dict[str, int]


def count(counts: Counts, name: str, times: int = 1) -> None:
    counts[name] = counts.get(name, 0) + times


def rewrite(text: str, rules: Rules, counts: Counts) -> str:
    for rule in rules.every if "\\" in text else rules.plain:
        text = _apply(rule, text, counts)
    return text


def _apply(rule: Rule, text: str, counts: Counts) -> str:
    if rule.replace is not None:
        replaced, times = rule.replace(rule.placeholder, text)
        if times:
            count(counts, rule.name, times)
        return replaced
    span = rule.find(text, 0)
    if span is None:
        return text
    out: list[str] = []
    position = 0
    while span is not None:
        out.append(text[position : behind(text, span[0])])
        out.append(rule.placeholder)
        count(counts, rule.name)
        position = span[1]
        span = rule.find(text, position)
    out.append(text[position:])
    return "".join(out)


def without_key_blocks(text: str, wanted: Entity, counts: Counts) -> str:
    if not wanted & Entity.PRIVATE_KEY:
        return text
    blocks = KeyBlocks(lambda: count(counts, "private_key"))
    return blocks.push(text) + blocks.flush()
