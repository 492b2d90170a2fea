"""Which models a policy means by the patterns in its `models`.

A pattern is held against the name of a model. With an `@` in it, it is held against `name@version` as well, so that
`llama-*@3.*` means the third generation whatever its size. `tag:word` means every model with that tag. The wild
characters are `*` and `?`; the schema admits no others.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase

from guardhouse.policy.document import Document, ModelEntry, PolicyEntry
from guardhouse.policy.problem import Path

TAG = "tag:"


def matched(glob: str, names: AbstractSet[str]) -> set[str]:
    if "*" not in glob and "?" not in glob:
        return {glob} if glob in names else set()
    return {name for name in names if fnmatchcase(name, glob)}


def selected(pattern: str, models: Mapping[str, ModelEntry]) -> set[str]:
    if pattern.startswith(TAG):
        word = pattern.removeprefix(TAG)
        return {name for name, model in models.items() if word in model.tags}
    return matched(pattern, models.keys()) | _of_version(pattern, models)


def is_name(pattern: str) -> bool:
    """Whether it can only mean one model, by its name."""
    return not (pattern.startswith(TAG) or "*" in pattern or "?" in pattern or "@" in pattern)


def models_of(policy: PolicyEntry, document: Document) -> frozenset[str]:
    """The configured models that a policy is about: those its patterns mean, where its servers are as it says."""
    meant: set[str] = set()
    for pattern in policy.models:
        meant |= selected(pattern, document.models)
    if policy.when is None or not policy.when.region:
        return frozenset(meant)
    judge = all if policy.effect == "allow" else any
    return frozenset(name for name in meant if judge(_there(document, name, policy.when.region)))


def _there(document: Document, name: str, regions: tuple[str, ...]) -> list[bool]:
    """For each server of a model, whether it is in one of the regions."""
    targets = [document.targets.get(target) for target in document.models[name].targets]
    return [target is not None and target.region in regions for target in targets]


def _of_version(pattern: str, models: Mapping[str, ModelEntry]) -> set[str]:
    if "@" not in pattern:
        return set()
    versioned = {f"{name}@{model.version}": name for name, model in models.items() if model.version is not None}
    return {versioned[full] for full in matched(pattern, set(versioned))}


def numbered(document: Document, unread: frozenset[Path]) -> Iterator[tuple[int, PolicyEntry]]:
    """The policies with their numbers in the file, where unreadable ones count too."""
    index = 0
    for policy in document.policies:
        while ("policies", index) in unread:
            index += 1
        yield index, policy
        index += 1
