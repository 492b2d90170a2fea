"""Replaces sensitive values in complete texts by placeholders, and counts them.

`mask` is the definition; stream.py must give the same for every way of cutting a text, and the tests hold it to that.
Rules are applied one after the other, each to the whole of what the ones before left. Whether a kind can be in the text
at all is the scanner's business: callers pass `wanted & candidates` and pay nothing for kinds that are not there.

Text that is itself JSON source goes through the stream's machine in one piece: dividing it is the machine's definition.
"""

from collections.abc import Iterable

from guardhouse.inspect.entities import rules_for
from guardhouse.inspect.rewriting import Counts, rewrite, without_key_blocks
from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.entity import Entity
from guardhouse.model.text import Text


def mask(text: str, wanted: Entity, *, escaped: bool = False) -> tuple[str, Counts]:
    if escaped:
        machine = StreamMasker(wanted, escaped=True)
        return machine.feed(text) + machine.finish(), machine.counts
    counts: Counts = {}
    return rewrite(without_key_blocks(text, wanted, counts), rules_for(wanted), counts), counts


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
