"""What is told when the policy changes or a change is refused: sentences for standard error, events for the journal.

The sentences are for whoever reads the log and name every problem; the events (docs/events.md) hold revisions, counts
and places only.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event, Severity
from guardhouse.control.revisions import Change, Origin, Standing
from guardhouse.policy.compile import compile_settings
from guardhouse.policy.difference import settings_that_wait
from guardhouse.policy.edition import Edition, settings_of, unseal
from guardhouse.policy.problem import Problems

Facts = dict[str, str | int | float | bool]

_EVENTS = {
    "active": "policy.activated",
    "shadow": "policy.shadow",
    "canary": "policy.canary",
    "refused": "policy.refused",
}


class News:
    def __init__(self, journal: Journal, say: Callable[[str], None]) -> None:
        self._journal = journal
        self.say = say

    def __repr__(self) -> str:
        return "<News>"

    def changed(self, previous: Edition, edition: Edition, standing: Standing) -> None:
        """Tell each slot that holds something else than before."""
        before, after = slots(previous), slots(edition)
        self._slot("active", before["active"], after["active"], standing.active, _waiting(previous, edition))
        self._slot("shadow", before["shadow"], after["shadow"], standing.shadow, {})
        share: Facts = {} if edition.canary is None else {"share": edition.canary.share}
        self._slot("canary", before["canary"], after["canary"], standing.canary, share)

    def refused(self, origin: Origin, author: str, problems: Problems) -> None:
        for problem in problems:
            self.say(f"not activated: {problem}")
        facts: Facts = {
            "origin": origin,
            "problems": sum(problem.count for problem in problems),
            "place": problems[0].path,
        }
        self._event("refused", author, facts, "warning")

    def _slot(
        self, slot: Literal["active", "shadow", "canary"], old: str, new: str, change: Change | None, more: Facts
    ) -> None:
        if old == new:
            return
        facts: Facts = {"revision": new.partition(" ")[0], "previous": old.partition(" ")[0], **more}
        if change is not None:
            facts |= {"number": change.number, "origin": change.origin}
        waits = f"; read only at the next start: {more['waiting']}" if "waiting" in more else ""
        self.say(f"{slot} is {f'revision {new}' if new else 'empty'}, was {old or 'empty'}{waits}")
        self._event(slot, "" if change is None else change.author, facts)

    def _event(self, what: str, author: str, facts: Facts, severity: Severity = "notice") -> None:
        self._journal.append(Event(at=time.time(), name=_EVENTS[what], severity=severity, by=author, facts=facts))


def slots(edition: Edition) -> dict[str, str]:
    """What stands in each slot, as people read it."""
    shadow, canary = edition.shadow, edition.canary
    return {
        "active": edition.active.revision,
        "shadow": "" if shadow is None else shadow.revision,
        "canary": "" if canary is None else f"{canary.sealed.revision} for {canary.share:g} %",
    }


def waiting_settings(edition: Edition) -> list[str]:
    """The settings that the active revision has otherwise than the gateway was started with."""
    return settings_that_wait(settings_of(edition), compile_settings(unseal(edition.active), Path(edition.base)))


def _waiting(previous: Edition, edition: Edition) -> Facts:
    if previous.active.revision == edition.active.revision:
        return {}
    found = waiting_settings(edition)
    return {"waiting": ", ".join(found)} if found else {}
