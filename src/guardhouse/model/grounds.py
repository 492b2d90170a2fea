"""Reasons that mean the same to those who count, compare or charge what was refused.

A reason belongs to a group by what it says, whoever gives it; a new one that fits joins the group here, and all who
ask follow.
"""

from typing import Final

from guardhouse.model.reason import Reason

# the request is against the rules of a revision
OF_RULES: Final = frozenset(
    (
        Reason.OPERATION_DENIED,
        Reason.MODEL_DENIED,
        Reason.POLICY_DENIED,
        Reason.CONDITION_UNMET,
        Reason.APPROVAL_UNAVAILABLE,
        Reason.NO_TARGET_LEFT,
        Reason.REGION_DENIED,
        Reason.REACH_FORBIDDEN,
        Reason.FIELD_FORBIDDEN,
        Reason.CONTENT_UNREADABLE,
        Reason.CONTRACT_VIOLATED,
        Reason.PARAMETER_REFUSED,
        Reason.FEATURE_REFUSED,
        Reason.CONTENT_BEYOND_LIMIT,
        Reason.URL_REFUSED,
        Reason.STORED_REFUSED,
        Reason.INJECTION_FOUND,
        Reason.SIGNATURE_REQUIRED,
        Reason.MEDIA_REFUSED,
        Reason.MEDIA_MISLABELLED,
        Reason.TOKENS_BEYOND_LIMIT,
        Reason.COST_BEYOND_BUDGET,
        Reason.INPUT_UNBOUNDED,
    )
)
# no byte of the request has reached the model server that was asked
UNREACHED: Final = frozenset(
    (
        Reason.UPSTREAM_UNREACHABLE,
        Reason.UPSTREAM_CONNECT_TIMEOUT,
        Reason.UPSTREAM_ADDRESS_REFUSED,
        Reason.UPSTREAM_TLS_FAILED,
        Reason.UPSTREAM_TLS_TIMEOUT,
    )
)
