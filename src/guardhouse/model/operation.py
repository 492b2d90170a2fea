"""What a caller can ask for. Policies name operations by these words; a dialect maps its routes onto them.

Each operation needs one kind of access, and the three are kept apart: to `read` what there is, to `infer`, and to
`administer` the gateway. Looking into keys, policies or the audit log is administering too: who may read models has no
part in it. The data port recognises nothing that administers; those operations are asked for at the admin port.

What is DEFERRED leaves requests at a model server that are carried out later, each under an operation of its own. No
word for a kind of access includes it where something is allowed: it has to be named.
"""

from enum import Enum
from typing import Literal, Self

Access = Literal["read", "infer", "administer"]


class Operation(Enum):
    word: str  # the value, as a plain attribute: reading `.value` is a function call
    access: Access

    def __new__(cls, word: str, access: Access) -> Self:
        member = object.__new__(cls)
        member._value_ = word
        member.word = word
        member.access = access
        return member

    __hash__ = object.__hash__  # members are unique; Enum's own hashes the name anew for every look-up

    CHAT = ("chat", "infer")
    COMPLETIONS = ("completions", "infer")
    RESPONSES = ("responses", "infer")
    EMBEDDINGS = ("embeddings", "infer")
    MODERATIONS = ("moderations", "infer")
    PREDICT = ("predict", "infer")
    FILES = ("files", "infer")
    BATCHES = ("batches", "infer")
    MODELS_READ = ("models.read", "read")
    KEYS_READ = ("keys.read", "administer")
    KEYS_WRITE = ("keys.write", "administer")
    POLICY_READ = ("policy.read", "administer")
    POLICY_WRITE = ("policy.write", "administer")
    USAGE_READ = ("usage.read", "administer")
    SUSPEND = ("suspend", "administer")
    AUDIT_READ = ("audit.read", "administer")


DEFERRED = (Operation.FILES, Operation.BATCHES)
OF_ACCESS: dict[Access, tuple[Operation, ...]] = {
    access: tuple(operation for operation in Operation if operation.access == access and operation not in DEFERRED)
    for access in ("read", "infer", "administer")
}
MEASURED_IN_TOKENS = frozenset(  # their answers
    (Operation.CHAT, Operation.COMPLETIONS, Operation.RESPONSES)
)
CAPPED = MEASURED_IN_TOKENS | {Operation.FILES}  # their requests can say how long answers may become
ON_MODELS = frozenset((*OF_ACCESS["read"], *OF_ACCESS["infer"], *DEFERRED))  # the others concern no model
