"""What may be asked of the policy over HTTP: what it decides, and why.

`POST /api/v1/decide` is a dry run: it answers for anybody who is described to it, by the active revision, and takes
nothing from any limit. Whoever may read the policy may ask; the answer names policies and their conditions.
"""

from guardhouse.control.authority import Authority
from guardhouse.control.endpoint import Answer, Call, Endpoint, Refused
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.policy.question import Explanation, Question, explain, fault_in


class PolicyApi:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def __repr__(self) -> str:
        return "<PolicyApi>"

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/api/v1/decide",
                needs=Operation.POLICY_READ,
                summary="Ask what the active policy decides, and why; nothing is done.",
                does=self.decide,
                takes=Question,
                gives=Explanation,
            )
        ]

    async def decide(self, call: Call) -> Answer | Refused:
        assert isinstance(call.body, Question)
        fault = fault_in(call.body)
        if fault:
            return Refused(400, Reason.SHAPE_INVALID.code, f"request.{fault}")
        return Answer(explain(await self._authority.snapshot(), call.body, call.now))
