"""What the configuration says of a model's requests, compiled: one object per model, shared by those that say nothing.

`path/contracts.py` asks it. The defaults of `content` hold for every model; everything else costs only the models that
have it, which is what `plain` is for.
"""

from collections.abc import Iterator

from guardhouse.model.ability import ABILITIES, Ability
from guardhouse.model.tensors import Tensors
from guardhouse.policy.contracts.parameters import ParameterRules
from guardhouse.policy.contracts.schema import Requirement
from guardhouse.policy.document import ModelEntry
from guardhouse.policy.sections.content import Content
from guardhouse.policy.sections.contracts import ContractEntry, SchemaEntry
from guardhouse.policy.sections.features import NO_FEATURES, Features
from guardhouse.policy.shares import Shares
from guardhouse.wire import json


class Contract:
    __slots__ = ("inputs", "name", "outputs", "request", "response", "version")

    def __init__(self, name: str, version: str, request: Requirement | None, response: Requirement | None) -> None:
        self.inputs: Tensors | None = None  # None: whatever they are
        self.outputs: Tensors | None = None
        self.name = name
        self.version = version
        self.request = request
        self.response = response

    def __repr__(self) -> str:
        return f"<Contract {self.name} {self.version}>"


class Rules:
    __slots__ = (
        *("_said", "abilities", "bounds", "content", "contract", "parameters", "plain", "reads_answers", "switches"),
    )

    def __init__(
        self,
        *,
        contract: Contract | None = None,
        parameters: ParameterRules | None = None,
        content: Content | None = None,
        switches: Features = NO_FEATURES,
        abilities: tuple[Ability, ...] = (),
        said: tuple[object, ...] = (),
    ) -> None:
        self._said = said  # what they are compared by
        self.contract = contract
        self.parameters = parameters
        self.content = content or Content()
        self.bounds = tuple(
            (name, bound)
            for name in ("messages", "tools", "depth", "characters", "images", "audio", "files")
            if (bound := getattr(self.content, name)) is not None
        )
        self.switches = switches
        self.abilities = abilities  # those that are not on for everybody
        self.reads_answers = self.content.answer_media is not None or (
            contract is not None and (contract.response is not None or contract.outputs is not None)
        )
        self.plain = contract is None and parameters is None and not self.bounds and not abilities

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rules) and self._said == other._said

    def __hash__(self) -> int:
        return hash(len(self._said))

    def __repr__(self) -> str:
        return f"<Rules {self.contract or 'without contract'}{', plain' if self.plain else ''}>"

    def told(self, principal_id: str) -> Iterator[str]:
        """What a request of this principal is held to, in words."""
        if self.contract is not None:
            yield f"the contract {self.contract.name} {self.contract.version}"
        if self.parameters is not None:
            yield self.parameters.told()
        yield from (f"at most {bound} {name}" for name, bound in self.bounds)
        for ability in self.abilities:
            state = "on" if self.switches.is_on(ability, principal_id) else "off"
            yield f"the feature {ability}, which is {self.switches.show(ability)}: {state} for this principal"
        if self.content.hosts:
            yield f"URLs of {', '.join(self.content.hosts)} alone"
        if self.content.mcp_servers:
            yield f"the MCP servers {', '.join(self.content.mcp_servers)} alone"
        if self.content.stored:
            yield f"stored {', '.join(self.content.stored)} alone"
        if self.content.mislabelled == "refuse":
            yield "media that are of the type they are said to be"
        if self.content.answer_media is not None:
            yield f"answers with {', '.join(self.content.answer_media) or 'no media'} alone besides text"


NO_RULES = Rules()


def rules_of(entry: ModelEntry, contracts: dict[str, ContractEntry], shares: Shares) -> Rules:
    if entry.contract is None and entry.parameters is None and entry.content is None and not entry.features:
        return NO_RULES
    said = contracts.get(entry.contract or "")
    return Rules(
        said=(entry.contract, said, entry.parameters, entry.content, entry.features),
        contract=None if entry.contract is None else _contract(entry.contract, contracts[entry.contract]),
        parameters=None if entry.parameters is None else ParameterRules(entry.parameters),
        content=entry.content,
        switches=Features(entry.features, (), shares),
        abilities=tuple(word for word in ABILITIES if word in entry.features),
    )


def _contract(name: str, entry: ContractEntry) -> Contract:
    contract = Contract(name, entry.version, _requirement(entry.request), _requirement(entry.response))
    contract.inputs, contract.outputs = entry.inputs, entry.outputs
    return contract


def _requirement(entry: SchemaEntry | None) -> Requirement | None:
    if entry is None:
        return None
    assert entry.schema is not None  # a file has been read by now
    decoded = json.decode(entry.schema.encode())
    assert isinstance(decoded, tuple)
    return Requirement(decoded[0])
