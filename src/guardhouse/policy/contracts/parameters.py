"""What the rules of a model make of the parameters of one request. The words are those of sections/parameters.py.

A parameter is found by any spelling: some model servers (all that are written in Go) take `Temperature` for
`temperature`, so case does not count here either. And by any of its names: a bound on the length of answers that speaks
of `max_tokens` would be worth nothing if `num_predict` were free. It is looked for where model servers look for it: at
the top of the document and in the objects of CONTAINERS.

A `null` counts as not said, as it does for model servers, except where the parameter is refused.
"""

from collections.abc import Sequence
from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.policy.sections.parameters import PAYLOAD, ParameterRule, Parameters

CONTAINERS: Final = ("options", "parameters", "sampling_params", "generation_config", "extra_body")
SYNONYMS: Final = (
    ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "num_predict", "n_predict"),
    ("min_tokens", "min_new_tokens"),
    ("n", "best_of", "num_return_sequences"),
    ("stop", "stop_sequences"),
    ("repetition_penalty", "repeat_penalty"),
    ("seed", "random_seed"),
)
_NAMED: Final = 64  # characters of a name that a refusal repeats at most


class ParameterRules:
    """The rules of one model, by every name that a parameter has."""

    __slots__ = ("_allow", "_allow_inside", "_defaults", "_names", "_rules", "_sets")

    def __init__(self, parameters: Parameters) -> None:
        self._names = tuple(parameters.rules)  # as they are written
        self._rules: dict[str, ParameterRule] = {}
        self._sets: list[tuple[str, ParameterRule]] = []
        self._defaults: list[tuple[str, ParameterRule]] = []
        for name, rule in parameters.rules.items():
            for synonym in _names_of(name):
                self._rules.setdefault(synonym, rule)
            if rule.set is not None:
                self._sets.append((name, rule))
            elif rule.default is not None:
                self._defaults.append((name, rule))
        for name, rule in parameters.rules.items():
            self._rules[name.casefold()] = rule  # what is said of a name itself goes before what follows for it
        self._allow: frozenset[str] | None = None
        self._allow_inside: frozenset[str] | None = None  # of a container, which has no payload
        if parameters.allow is not None:
            named = {name.casefold() for name in parameters.allow}
            self._allow_inside = frozenset(named | self._rules.keys())
            self._allow = self._allow_inside | PAYLOAD

    def __repr__(self) -> str:
        return f"<ParameterRules for {' '.join(sorted(self._rules)) or 'none'}>"

    def told(self) -> str:
        named = f"rules for {', '.join(self._names)}" if self._names else ""
        if self._allow is None:
            return f"parameters: {named}"
        return "parameters: none but those that are allowed" + (f", and {named}" if named else "")

    def apply(self, document: dict[str, Any], *, mend: bool) -> Denial | bool:
        """Judge, and where `mend` is said put in what is to be put in; whether anything was changed. Where it is not, a
        document that lacks it is refused."""
        changed = False
        places = [(document, "")]
        for name, value in document.items():
            if type(value) is dict and name.casefold() in CONTAINERS:
                places.append((value, f"{name[:_NAMED]}."))
        for place, prefix in places:
            judged = self._judge_place(place, prefix, is_top=not prefix, mend=mend)
            if isinstance(judged, Denial):
                return judged
            changed = changed or judged
        lacking = [(name, rule.set) for name, rule in self._sets if not _is_set(places, name, rule.set)]
        lacking += [(name, rule.default) for name, rule in self._defaults if not _is_said(places, name)]
        if lacking and not mend:
            return _refuse(lacking[0][0], "is said by the gateway")
        for name, value in lacking:
            _put(places, name, value)
        return changed or bool(lacking)

    def _judge_place(self, place: dict[str, Any], prefix: str, *, is_top: bool, mend: bool) -> Denial | bool:
        clamped: dict[str, Any] = {}
        allow = self._allow if is_top else self._allow_inside
        for name, value in place.items():
            folded = name.casefold()
            if is_top and type(value) is dict and folded in CONTAINERS and folded not in self._rules:
                continue
            if allow is not None and folded not in allow:
                return _refuse(f"{prefix}{name}", "is not among those that this model takes")
            rule = self._rules.get(folded)
            if rule is None or (value is None and not rule.refuse):
                continue
            judged = _judge(rule, value, f"{prefix}{name}", mend=mend)
            if isinstance(judged, Denial):
                return judged
            if judged is not None:
                clamped[name] = judged
        place.update(clamped)
        return bool(clamped)


def _judge(rule: ParameterRule, value: Any, name: str, *, mend: bool) -> Denial | float | None:
    """A denial, or the bound that takes the place of the value, or None: it stays."""
    if rule.refuse:
        return _refuse(name, "is not to be given")
    if rule.set is not None:
        return None if mend or value == rule.set else _refuse(name, "is said by the gateway")
    if rule.values:
        if any(type(value) is type(known) and value == known for known in rule.values):
            return None
        return _refuse(name, "is none of those that this model takes")
    if rule.min is not None or rule.max is not None:
        if type(value) is not int and type(value) is not float:
            return _refuse(name, "must be a number")
        for bound, broken in ((rule.min, "less"), (rule.max, "more")):
            if bound is None or (value >= bound if broken == "less" else value <= bound):
                continue
            if rule.over == "clamp" and mend:
                return int(bound) if bound == int(bound) else bound  # many take no 100.0 for 100
            return _refuse(name, f"is {broken} than the {bound:g} that this model takes")
    if rule.length is not None:
        return _judge_length(rule.length, value, name)
    return None


def _judge_length(length: int, value: Any, name: str) -> Denial | None:
    if type(value) is not str and type(value) is not list and type(value) is not dict:
        return _refuse(name, "must be text, a list or an object")
    return None if len(value) <= length else _refuse(name, f"is longer than the {length} that this model takes")


def _refuse(name: str, why: str) -> Denial:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name[:_NAMED])
    return Denial(Reason.PARAMETER_REFUSED, f"The parameter {why}.", param=shown)


def _is_set(places: Sequence[tuple[dict[str, Any], str]], name: str, value: Any) -> bool:
    """Whether a parameter has this value and stands nowhere else, under any of its names."""
    names = _names_of(name)
    (top, _), *_ = places
    found = [(place is top, said, place[said]) for place, _ in places for said in place if said.casefold() in names]
    return found == [(True, name, value)] and type(found[0][2]) is type(value)


def _put(places: Sequence[tuple[dict[str, Any], str]], name: str, value: Any) -> None:
    """Say a parameter ourselves: whatever stands under any of its names goes away."""
    names = _names_of(name)
    for place, _ in places:
        for said in [said for said in place if said.casefold() in names]:
            del place[said]
    (top, _), *_ = places
    top[name] = value


def _is_said(places: Sequence[tuple[dict[str, Any], str]], name: str) -> bool:
    names = _names_of(name)
    return any(said.casefold() in names and value is not None for place, _ in places for said, value in place.items())


def _names_of(name: str) -> frozenset[str]:
    folded = name.casefold()
    return next((frozenset(group) for group in SYNONYMS if folded in group), frozenset((folded,)))
