"""From the history of the policy to the edition that is published.

What is in force is decided by the history alone (revisions.py); the configuration file enters it like everybody else,
by a change. At a start that is so if the file was edited since it was last read, or if there is no history yet: a
gateway that was rolled back stays so over a restart, and one whose file was edited while it was down comes up with the
edited file. A candidate that this release cannot use is taken back, with the reason as its note.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from guardhouse.control.revisions import Change, Origin, Revisions
from guardhouse.control.succession import objections
from guardhouse.policy.edition import Canary, Edition, Sealed, seal
from guardhouse.policy.load import Loaded, load_content
from guardhouse.policy.problem import Problem, Problems

_LEFT_OVER = "the gateway ended before it could answer"


class Activation:
    """What a gateway whose configuration stands at `config` makes of its history."""

    def __init__(
        self, revisions: Revisions, config: Path, environ: Mapping[str, str], published: Path | None = None
    ) -> None:
        """`published` is the edition in force, whose contracts a successor has to keep."""
        self._published = published
        self.revisions = revisions
        self.config = config.absolute()
        self._environ = environ

    def __repr__(self) -> str:
        return f"<Activation for {self.config}>"

    def weigh(self, content: bytes) -> Loaded | Problems:
        """A text as it would be, stood it in the configuration file."""
        return load_content(content, self.config, self._environ)

    def weigh_successor(self, content: bytes) -> Loaded | Problems:
        """The same for one that is to take the place of what is in force."""
        loaded = self.weigh(content)
        if not isinstance(loaded, Loaded):
            return loaded
        return self._objections(loaded, content) or loaded

    def begin(self, loaded: Loaded, now: float) -> Edition | Problems:
        """The edition that a gateway starts with; `loaded` is what its file says."""
        content = loaded.source
        for change in self.revisions.requested():
            self.revisions.refuse(change.number, _LEFT_OVER)
        active = self.revisions.standing().active
        if active is None or self.revisions.is_news(str(self.config), content):
            if active is None or active.revision != loaded.snapshot.revision:
                problems = self._objections(loaded, content)
                if problems:
                    return problems
                self.activate(loaded, "start", now)
            self.revisions.note_read(str(self.config), content)
        return self._first_edition(now)

    def _objections(self, loaded: Loaded, content: bytes) -> Problems:
        return () if self._published is None else objections(self._published, loaded.document, content, self.config)

    def activate(self, loaded: Loaded, origin: Origin, now: float) -> None:
        """Enter the content of the file into the history. Who edited it is not known; whose it is, is."""
        change = Change(slot="active", revision=loaded.snapshot.revision, at=now, author=self._owner(), origin=origin)
        self.revisions.enter(change, loaded.source)

    def edition(self, previous: Edition, now: float) -> Edition:
        """What the history says now. Revisions that have not changed are taken over as they are sealed."""
        standing = self.revisions.standing()
        known = {sealed.revision: sealed for sealed in _sealed_in(previous)}
        active = self._sealed(standing.active, known) or previous.active
        shadow = self._sealed(standing.shadow, known)
        canary = self._sealed(standing.canary, known)
        share = 0.0 if standing.canary is None else standing.canary.share or 0.0
        return msgspec.structs.replace(
            previous,
            at=now,
            active=active,
            shadow=shadow,
            canary=None if canary is None else Canary(canary, share),
        )

    def _first_edition(self, now: float) -> Edition | Problems:
        standing = self.revisions.standing()
        assert standing.active is not None
        active = self._renamed(standing.active, now)
        if not isinstance(active, Sealed):
            return active
        for candidate in (standing.shadow, standing.canary):
            read = None if candidate is None else self._renamed(candidate, now)
            if candidate is not None and isinstance(read, tuple):
                self._enter_anew(candidate, None, "; ".join(map(str, read)), now)
        bare = Edition(at=now, base=str(self.config.parent), started=active, active=active)
        return self.edition(bare, now)

    def _renamed(self, change: Change, now: float) -> Sealed | Problems:
        """A release that knows more keys counts more defaults, and so has another name for the same text."""
        read = self._read(change)
        if isinstance(read, Sealed) and read.revision != change.revision:
            self._enter_anew(change, read.revision, f"{change.revision}, as this release reads it", now)
        return read

    def _sealed(self, change: Change | None, known: Mapping[str, Sealed]) -> Sealed | None:
        if change is None or change.revision is None:
            return None
        if change.revision in known:
            return known[change.revision]
        read = self._read(change)
        return read if isinstance(read, Sealed) else None

    def _read(self, change: Change) -> Sealed | Problems:
        assert change.revision is not None
        source = self.revisions.source(change.revision)
        if source is None:
            return (Problem("", 0, "", f"the text of revision {change.revision} is missing"),)
        loaded = self.weigh(source)
        if not isinstance(loaded, Loaded):
            return loaded
        return seal(loaded.document)

    def _enter_anew(self, change: Change, revision: str | None, note: str, now: float) -> None:
        source = self.revisions.source(change.revision or "") or b""
        anew = msgspec.structs.replace(
            change, revision=revision, at=now, author="guardhouse", origin="start", note=note
        )
        self.revisions.enter(anew, source)

    def _owner(self) -> str:
        try:
            return self.config.owner()
        except (KeyError, OSError):  # the file's user has no name here, or the file is gone
            return "unknown"


def _sealed_in(edition: Edition) -> list[Sealed]:
    candidates = (edition.shadow, None if edition.canary is None else edition.canary.sealed)
    return [edition.active, *(sealed for sealed in candidates if sealed is not None)]
