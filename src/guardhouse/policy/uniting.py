"""Several grants made one: how what comes with policies adds up. See granting.py for the words."""

from collections.abc import Sequence
from typing import Literal

from guardhouse.limits.rate import LimitRule
from guardhouse.policy.snapshot import Approval, Grant
from guardhouse.residency.keeping import Requirement


def unite(policies: tuple[str, ...], grants: Sequence[Grant]) -> Grant:
    limits: list[LimitRule] = []
    approvals: list[Approval] = []
    flags: list[str] = []
    keep: list[Requirement] = []
    route: frozenset[str] | None = None
    mask_request = mask_response = 0
    refuse = cap_output = bounded = signed = False
    injection: Literal["", "flag", "block"] = ""
    for grant in grants:
        limits += grant.limits
        approvals += grant.approvals
        flags += [flag for flag in grant.flags if flag not in flags]
        keep += [requirement for requirement in grant.keep if requirement not in keep]
        mask_request |= grant.mask_request
        mask_response |= grant.mask_response
        refuse = refuse or grant.refuse_unknown_fields
        cap_output = cap_output or grant.cap_output
        signed = signed or grant.signed
        if injection != "block":
            injection = grant.injection or injection
        bounded = bounded or grant.bounded
        if grant.route is not None:
            route = grant.route if route is None else route & grant.route
    return Grant(
        policies=policies,
        mask_request=mask_request,
        mask_response=mask_response,
        refuse_unknown_fields=refuse,
        limits=tuple(limits),
        signed=signed,
        injection=injection,
        cap_output=cap_output,
        bounded=bounded,
        approvals=tuple(approvals),
        route=route,
        keep=tuple(keep),
        flags=tuple(flags),
    )
