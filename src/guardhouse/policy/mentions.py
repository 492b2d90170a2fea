"""Which groups, roles and teams the policies speak of; a key with another one is probably a slip of the pen.

It is no error: a policy may follow the key, and what one policy forgets another grants. So this makes notes, not
problems. A word that stands anywhere in a condition counts as spoken of.
"""

import difflib
from collections.abc import Iterator, Sequence

from guardhouse.policy.document import Document
from guardhouse.policy.problem import quote


def notes(
    document: Document, *, groups: Sequence[str] = (), roles: Sequence[str] = (), teams: Sequence[str] = ()
) -> Iterator[str]:
    """One sentence per word that no policy names, with the nearest one that some policy does."""
    everyone = [policy.who for policy in document.policies]
    conditions = "\n".join(str(policy.when) for policy in document.policies if policy.when is not None)
    for kind, words, known in (
        ("group", groups, {name for who in everyone for name in who.groups}),
        ("role", roles, {name for who in everyone for name in who.roles}),
        ("team", teams, {name for who in everyone for name in who.teams}),
    ):
        for word in words:
            if word not in known and word not in conditions:
                near = difflib.get_close_matches(word, sorted(known), n=1)
                hint = f"; did you mean {quote(near[0])}?" if near else ""
                yield f"no policy names the {kind} {quote(word)}{hint}"
