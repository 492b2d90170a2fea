"""Replaces sensitive values in complete texts by placeholders, and counts them.

`mask` is the definition; stream.py must give the same for every way of cutting a text, and the tests hold it to that.
Rules are applied one after the other, each to the whole of what the ones before left. Whether a kind can be in the text
at all is the scanner's business: callers pass `wanted & candidates` and pay nothing for kinds that are not there.

A long ASCII text is rewritten only around the spots that the scanner names, from cut to cut (words.py): by the
definition of a cut the result is that of rewriting the whole. Elsewhere offsets in bytes are none in characters.

Text that is itself JSON source goes through the stream's machine in one piece: dividing it is the machine's definition.
"""

from collections.abc import Iterable

from guardhouse.inspect.entities import rules_for
from guardhouse.inspect.rewriting import Counts, rewrite, without_key_blocks
from guardhouse.inspect.scanner import spots
from guardhouse.inspect.stream import StreamMasker
from guardhouse.inspect.words import surroundings
from guardhouse.model.entity import Entity
from guardhouse.model.text import Text

_LONG = 2048  # characters from which on it pays to ask where


def mask(text: str, wanted: Entity, *, escaped: bool = False) -> tuple[str, Counts]:
    if escaped:
        machine = StreamMasker(wanted, escaped=True)
        return machine.feed(text) + machine.finish(), machine.counts
    counts: Counts = {}
    if len(text) > _LONG and text.isascii():
        return _mask_long(text, wanted, counts), counts
    return rewrite(without_key_blocks(text, wanted, counts), rules_for(wanted), counts), counts


def _mask_long(text: str, wanted: Entity, counts: Counts) -> str:
    """Rewrites only what lies between the cuts around each spot where something may be."""
    text = without_key_blocks(text, wanted, counts)
    rules = rules_for(wanted)
    found = spots(text.encode(), wanted & ~Entity.PRIVATE_KEY)
    if found is None:
        return rewrite(text, rules, counts)
    out: list[str] = []
    done = 0
    for spot in sorted(found):
        if spot <= done:
            continue
        start, end = surroundings(text, spot - 1, done, wanted)
        out += text[done:start], rewrite(text[start:end], rules, counts)
        done = end
    out.append(text[done:])
    return "".join(out)


def mask_texts(texts: Iterable[Text], wanted: Entity) -> Counts:
    """Masks every text in place: in the document that holds it, and in the text itself."""
    total: Counts = {}
    for text in texts:
        masked, counts = mask(text.value, wanted, escaped=text.escaped)
        if not counts:
            continue
        text.value = text.holder[text.key] = masked
        for name, found in counts.items():
            total[name] = total.get(name, 0) + found
    return total
