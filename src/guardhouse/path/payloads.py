"""Are the images, recordings and files in a request's tensors of types that the model takes?

The first bytes of each element that is no text are compared with `content.media`, as those of what other requests bring
along are, and its size with `content.media_bytes`. Its content type counts as what it is said to be; where that names a
family (`image/*`), some of the family have to be taken. Elements that show no type pass, unless `mislabelled` says
otherwise: most of what is in tensors is no media at all. Numbers show none whatever they are.
"""

from collections.abc import Sequence

from guardhouse.inspect.sniffing import fits, names_of, sniff
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.media import Part, Parts
from guardhouse.model.reason import Reason
from guardhouse.path.media import bytes_of, is_malformed, is_taken, may_be_taken
from guardhouse.policy.sections.content import Content


def judge(parts: Sequence[Part | Parts], content: Content) -> Verdict:
    for part in parts:
        denial = _judge(part, content) if isinstance(part, Part) else _judge_each(part, content)
        if denial is not None:
            return denial
    return None


def _judge_each(parts: Parts, content: Content) -> Verdict:
    """Elements of a type that was found to be taken once need only be small enough."""
    passing: set[str] = set()
    longest = content.media_bytes
    for number, value in enumerate(parts.values):
        found = sniff(value)
        if found not in passing or len(value) > longest:
            denial = _judge(parts.at(number), content)
            if denial is not None:
                return denial
            if found or not parts.declared or not isinstance(value, str):
                passing.add(found)  # but what shows no type need not be the base64 that it is said to be
    return None


def _judge(part: Part, content: Content) -> Verdict:
    declared = part.declared.lower()
    if declared and not may_be_taken(declared, content.media):
        return Denial(Reason.MEDIA_REFUSED, "The media type is not among those that are taken.", part.place)
    if bytes_of(part) > content.media_bytes:
        return Denial(Reason.MEDIA_REFUSED, f"At most {content.media_bytes} bytes are taken.", part.place)
    if part.size >= 0:
        return None
    if declared and is_malformed(part):
        return Denial(Reason.MEDIA_REFUSED, "It is said to be in base64 and is not.", part.place)
    found = sniff(part.value)
    if content.mislabelled == "refuse" and (not found or (declared and not fits(declared, found))):
        return Denial(Reason.MEDIA_MISLABELLED, param=part.place)
    if found and not any(is_taken(name, content.media) for name in names_of(found)):
        return Denial(Reason.MEDIA_REFUSED, "The bytes are of a type that is not taken.", part.place)
    return None
