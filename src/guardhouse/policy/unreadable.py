"""What of a configuration could not be read, for checks that would otherwise blame one thing for another's fault.

Reading (reading.py) leaves out what is broken and remembers its place. What is looked for and is not there may stand in
such a place: a check that cannot know asks here first, and says nothing then.
"""

from collections.abc import Iterable

from guardhouse.policy.problem import Path

Unread = frozenset[Path]


def names(section: str, read: Iterable[str], unread: Unread) -> set[str]:
    return {*read, *(str(path[1]) for path in unread if path[0] == section and len(path) == 2)}


def any_unread(section: str, unread: Unread) -> bool:
    return any(path[0] == section and len(path) == 2 for path in unread)
