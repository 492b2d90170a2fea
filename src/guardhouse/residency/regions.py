"""Where something is: regions by the operator's own names, each in one jurisdiction.

A word in a rule is the name of a region or of a jurisdiction, which stands for all its regions. What carries no label
is in no region, and no word ever means it: under a rule it may have nothing.
"""

from collections.abc import Iterable, Mapping

UNLABELLED = ""


class Regions:
    __slots__ = ("_jurisdictions", "names")

    def __init__(self, jurisdictions: Mapping[str, str]) -> None:
        """By region; an empty text for one whose jurisdiction nobody has said."""
        self._jurisdictions = dict(jurisdictions)
        self.names = frozenset(self._jurisdictions)

    def __repr__(self) -> str:
        return f"<Regions {', '.join(sorted(self.names))}>"

    @property
    def words(self) -> frozenset[str]:
        """Everything that a rule may name."""
        return self.names | frozenset(filter(None, self._jurisdictions.values()))

    def meaning(self, word: str) -> frozenset[str]:
        return frozenset(name for name, held in self._jurisdictions.items() if word in (name, held) and word)

    def meant_by(self, words: Iterable[str]) -> frozenset[str]:
        meant: frozenset[str] = frozenset()
        for word in words:
            meant |= self.meaning(word)
        return meant

    def jurisdiction_of(self, region: str) -> str:
        return self._jurisdictions.get(region, "")

    def describe(self, region: str) -> str:
        """As people read it: `region us-east, jurisdiction US`."""
        if region == UNLABELLED:
            return "no region"
        jurisdiction = self.jurisdiction_of(region)
        return f"region {region}, jurisdiction {jurisdiction}" if jurisdiction else f"region {region}"
