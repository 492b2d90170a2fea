"""What a single value may be: small judges from which the shape of a request is put together.

A rule takes a value and the path under which the caller knows it, and returns None or a Denial that names the path. It
never quotes the value. `null` is accepted for every optional field, as OpenAI's own server does.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.walk import LONGEST_ID

Rule = Callable[[Any, str], Denial | None]

_LARGEST = 2**63 - 1
TOOL_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


def invalid(path: str, must: str) -> Denial:
    return Denial(Reason.SHAPE_INVALID, f"{path} must be {must}.", path)


def misspelt(name: str, known: Collection[str], path: str) -> Denial | None:
    """Whether a field that is not known is another spelling of one that is. Servers that fold the case of names would
    read it in that one's place."""
    folded = name.casefold()
    return invalid(f"{path}{folded}", "spelt in lower case") if folded != name and folded in known else None


def spelt(node: dict[str, Any], known: Collection[str], path: str) -> Denial | None:
    """Whether every field of the object under `path` is unknown or spelt as it is known."""
    for name in node:
        denial = None if name in known else misspelt(name, known, f"{path}.")
        if denial is not None:
            return denial
    return None


def listed(value: Any, path: str, must: str, judge: Rule) -> Denial | None:
    """Of a list that may be left out, what is wrong with the first of its things that is wrong."""
    if value is None:
        return None
    if type(value) is not list:
        return invalid(path, must)
    for index, thing in enumerate(value):
        denial = judge(thing, f"{path}[{index}]")
        if denial is not None:
            return denial
    return None


def integer(least: int, most: int = _LARGEST) -> Rule:
    must = f"an integer from {least} to {most}" if most != _LARGEST else f"an integer of at least {least}"

    def judge(value: Any, path: str) -> Denial | None:
        return None if value is None or (type(value) is int and least <= value <= most) else invalid(path, must)

    return judge


def number(least: float, most: float) -> Rule:
    must = f"a number from {least:g} to {most:g}"

    def judge(value: Any, path: str) -> Denial | None:
        kind = type(value)
        return (
            None
            if value is None or ((kind is float or kind is int) and least <= value <= most)
            else invalid(path, must)
        )

    return judge


def one_of(*kinds: type, must: str) -> Rule:
    def judge(value: Any, path: str) -> Denial | None:
        return None if value is None or type(value) in kinds else invalid(path, must)

    return judge


boolean = one_of(bool, must="true or false")
string = one_of(str, must="a string")
an_object = one_of(dict, must="an object")
a_list = one_of(list, must="a list")
string_or_object = one_of(str, dict, must="a string or an object")


def strings(value: Any, path: str) -> Denial | None:
    """A list of strings."""
    if value is None:
        return None
    if type(value) is not list:
        return invalid(path, "a list of strings")
    for index, entry in enumerate(value):
        if type(entry) is not str:
            return invalid(f"{path}[{index}]", "a string")
    return None


def string_or_strings(value: Any, path: str) -> Denial | None:
    return None if type(value) is str else strings(value, path)


def numbers_by_name(value: Any, path: str) -> Denial | None:
    """An object of numbers. Its keys are the caller's own, so a denial does not repeat them."""
    if value is None:
        return None
    if type(value) is not dict or any(type(entry) is not int and type(entry) is not float for entry in value.values()):
        return invalid(path, "an object of numbers")
    return None


def typed_object(value: Any, path: str) -> Denial | None:
    """An object that says its `type`."""
    if value is None:
        return None
    if type(value) is not dict:
        return invalid(path, "an object")
    return None if type(value.get("type")) is str else invalid(f"{path}.type", "a string")


def identifier(value: Any, path: str) -> Denial | None:
    """An id pairs things and is not inspected, so it is kept short."""
    if value is None or (type(value) is str and len(value) <= LONGEST_ID):
        return None
    return invalid(path, f"a string of at most {LONGEST_ID} characters")


def tool_name(value: Any, path: str) -> Denial | None:
    """The name of a tool is not inspected either; it has to look like one."""
    if type(value) is str and TOOL_NAME.fullmatch(value):
        return None
    return invalid(path, "a name of letters, digits and _.:/- of at most 128 characters")


def stream_options(value: Any, path: str) -> Denial | None:
    if value is None:
        return None
    if type(value) is not dict:
        return invalid(path, "an object")
    return boolean(value.get("include_usage"), f"{path}.include_usage")
