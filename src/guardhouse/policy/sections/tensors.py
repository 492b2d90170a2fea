"""`contracts.X.inputs` and `outputs`: the tensors of a model by name, and what each of them must be."""

from collections.abc import Iterator

from guardhouse.model.tensors import ANY, TensorRule
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, ListOf, MapOf, Shape
from guardhouse.policy.sections.parameters import NUMBER
from guardhouse.wire.dialects.kserve.datatypes import BYTES, NUMBERS
from guardhouse.wire.dialects.kserve.values import LARGEST, MOST_SIZES

_TENSOR = Shape(
    TensorRule,
    {
        "datatype": Key(kinds.Choice("datatype", {name: name for name in (*NUMBERS, BYTES)}), "What its elements are."),
        "shape": Key(
            ListOf(kinds.Whole(ANY, LARGEST), may_be_empty=True, partial=True), "Its sizes; -1 stands for any."
        ),
        "min": Key(NUMBER, "The least that an element may be."),
        "max": Key(NUMBER, "The most that an element may be."),
        "max_elements": Key(kinds.Whole(1, LARGEST), "How many elements it may have."),
        "optional": Key(kinds.FLAG, "Say true of one that need not be there."),
    },
)
TENSORS = MapOf(kinds.Text(r"[^\x00-\x1f\x7f]{1,256}", "the name of a tensor; it has no control characters"), _TENSOR)


def findings(tensors: dict[str, TensorRule]) -> Iterator[tuple[Path, str]]:
    for name, rule in tensors.items():
        bounded = rule.min is not None or rule.max is not None
        if rule.datatype == BYTES and bounded:
            yield (name, "min" if rule.min is not None else "max"), "has no effect: the elements are no numbers"
        elif rule.min is not None and rule.max is not None and rule.min > rule.max:
            yield (name, "min"), "is more than max, so that nothing fits"
        if len(rule.shape) > MOST_SIZES:
            yield (name, "shape"), f"has more than {MOST_SIZES} sizes"


def accepts_all(new: dict[str, TensorRule] | None, old: dict[str, TensorRule] | None) -> bool:
    """Whether everything that fits the old ones fits the new ones."""
    if new is None:
        return True
    if old is None or not old.keys() <= new.keys():
        return False
    if not all(new[name].optional for name in new.keys() - old.keys()):
        return False
    return all(_accepts(new[name], rule) for name, rule in old.items())


def _accepts(new: TensorRule, old: TensorRule) -> bool:
    if new.datatype != old.datatype or len(new.shape) != len(old.shape) or (old.optional and not new.optional):
        return False
    if not all(size in (ANY, was) for size, was in zip(new.shape, old.shape, strict=True)):
        return False
    least = new.min is None or (old.min is not None and new.min <= old.min)
    most = new.max is None or (old.max is not None and new.max >= old.max)
    count = new.max_elements is None or (old.max_elements is not None and new.max_elements >= old.max_elements)
    return least and most and count
