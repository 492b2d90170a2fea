"""Every reason for which the gateway ends or refuses an exchange, in one enum.

A reason is the gateway's stable vocabulary: the error body, the journal, the metrics and docs/reasons.md (generated
from this file by `guardhouse.cli.reasons`) all use its code, and a code never changes its meaning. Each reason says
whose fault it is, which HTTP status it travels under, and whether the same request may succeed later. Input that is
merely bad never maps to a 5xx; those are kept for the gateway's own failures and the upstream's.

When you add a reason: give it the narrowest status that fits, write the message for the caller (no content, no
internal names), and run `make docs`; a test compares the page with the enum.
"""

from enum import Enum
from typing import Literal

Fault = Literal["caller", "upstream", "gateway"]


class Reason(Enum):
    code: str
    status: int
    fault: Fault
    retry: bool
    message: str

    def __init__(self, code: str, status: int, fault: Fault, retry: bool, message: str) -> None:
        self.code = code
        self.status = status
        self.fault = fault
        self.retry = retry
        self.message = message

    # wire: the bytes are not a request that can be read in one way only
    MALFORMED = ("malformed_request", 400, "caller", False, "The request is not well-formed HTTP/1.1.")
    TARGET_INVALID = ("target_invalid", 400, "caller", False, "The request target must be an absolute path.")
    VERSION_UNSUPPORTED = ("version_unsupported", 400, "caller", False, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    HTTP2_UNSUPPORTED = ("http2_unsupported", 400, "caller", False, "HTTP/2 is not spoken on this port.")
    UPGRADE_UNSUPPORTED = ("upgrade_unsupported", 400, "caller", False, "Protocol upgrades are not supported.")
    HOST_INVALID = ("host_invalid", 400, "caller", False, "Exactly one valid Host header is required.")
    HEADER_INVALID = ("header_invalid", 400, "caller", False, "A header is malformed, repeated or not allowed.")
    HEADER_REFUSED = ("header_refused", 400, "caller", False, "A header of the request is not taken here.")
    HEADERS_TOO_LARGE = ("headers_too_large", 431, "caller", False, "The request headers are too many or too large.")
    FRAMING_INVALID = (
        "framing_invalid",
        400,
        "caller",
        False,
        "The length of the body is not stated in one valid way.",
    )
    BODY_TOO_LARGE = ("body_too_large", 413, "caller", False, "The request body is larger than this gateway accepts.")
    EXPECTATION_UNSUPPORTED = ("expectation_unsupported", 417, "caller", False, "Only 100-continue may be expected.")
    PIPELINE_TOO_DEEP = ("pipeline_too_deep", 400, "caller", False, "Too many requests were sent before their answers.")
    HEADER_TIMEOUT = ("header_timeout", 408, "caller", True, "The request headers did not arrive in time.")
    BODY_TIMEOUT = ("body_timeout", 408, "caller", True, "The request body did not arrive in time.")
    BODY_TOO_SLOW = ("body_too_slow", 408, "caller", True, "The request body arrived below the minimum rate.")
    CLIENT_TOO_SLOW = ("client_too_slow", 408, "caller", True, "The answer was not read in time.")
    CONNECTIONS_EXCEEDED = ("connections_exceeded", 429, "caller", True, "Too many connections from this address.")
    ROUTE_UNKNOWN = ("route_unknown", 404, "caller", False, "There is nothing at this path.")
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405, "caller", False, "This path does not take this method.")

    # identity
    CREDENTIAL_MISSING = ("credential_missing", 401, "caller", False, "No API key was given.")
    CREDENTIAL_INVALID = ("credential_invalid", 401, "caller", False, "Incorrect API key provided.")
    CREDENTIAL_EXPIRED = ("credential_expired", 401, "caller", False, "Incorrect API key provided: it has expired.")
    CREDENTIAL_REVOKED = ("credential_revoked", 401, "caller", False, "Incorrect API key provided: it was revoked.")
    CERTIFICATE_INVALID = ("certificate_invalid", 401, "caller", False, "The client certificate names nobody here.")
    CREDENTIALS_CONFLICT = ("credentials_conflict", 401, "caller", False, "Two different credentials were given.")
    ORIGIN_REFUSED = ("origin_refused", 403, "caller", False, "The request does not come from a page of this port.")
    SIGNIN_BACKOFF = (
        "signin_backoff",
        429,
        "caller",
        True,
        "Too many sign-ins from this address or to this key failed.",
    )
    IDENTITY_STALE = ("identity_stale", 503, "gateway", True, "The key store has been away for too long.")

    # authorization
    OPERATION_DENIED = ("operation_denied", 403, "caller", False, "No policy allows you this operation.")
    MODEL_DENIED = ("model_denied", 403, "caller", False, "The model does not exist or no policy allows you its use.")
    POLICY_DENIED = ("policy_denied", 403, "caller", False, "A policy denies this under the circumstances.")
    CONDITION_UNMET = (
        "condition_unmet",
        403,
        "caller",
        False,
        "A condition of the policy that allows this is not met.",
    )
    LIMITS_UNAVAILABLE = ("limits_unavailable", 503, "gateway", True, "Your limits cannot be counted at the moment.")
    PRINCIPAL_SUSPENDED = ("principal_suspended", 403, "caller", True, "Your access is suspended by an operator.")
    MODEL_CLOSED = ("model_closed", 503, "gateway", True, "An operator has closed this model for now.")
    APPROVAL_UNAVAILABLE = (
        "approval_unavailable",
        403,
        "caller",
        False,
        "This needs an approval that none can give.",
    )
    REGION_DENIED = ("region_denied", 403, "caller", False, "Nothing may serve this where its data must stay.")
    NO_TARGET_LEFT = ("no_target_left", 403, "caller", False, "The policies leave no model server for this request.")

    MINTING_RATE_EXCEEDED = (
        "minting_rate_exceeded",
        429,
        "caller",
        True,
        "Too many tokens were asked for.",
    )
    LIVE_TOKENS_EXCEEDED = ("live_tokens_exceeded", 429, "caller", True, "Too many tokens of yours are alive.")
    DIALECT_UNSUPPORTED = ("dialect_unsupported", 400, "caller", False, "The model is not served through this API.")

    # admission
    REQUEST_RATE_EXCEEDED = ("request_rate_exceeded", 429, "caller", True, "Your request rate limit is used up.")
    TOKEN_RATE_EXCEEDED = ("token_rate_exceeded", 429, "caller", True, "Your token rate limit is used up.")
    TIER_CAPPED = ("tier_capped", 429, "caller", True, "Your tier is limited by an operator for now.")
    CONCURRENCY_EXCEEDED = ("concurrency_exceeded", 429, "caller", True, "Too many of your requests are under way.")
    QUOTA_EXHAUSTED = ("quota_exhausted", 429, "caller", True, "Your quota is used up.")
    BUDGET_EXHAUSTED = ("budget_exhausted", 429, "caller", True, "Your budget is used up.")
    COST_BEYOND_BUDGET = ("cost_beyond_budget", 400, "caller", False, "This request alone exceeds your budget.")
    MEMORY_EXHAUSTED = (
        "memory_exhausted",
        503,
        "gateway",
        True,
        "The gateway holds as much for you at the moment as it can.",
    )
    INPUT_UNBOUNDED = ("input_unbounded", 400, "caller", False, "A budget counts this, and it has no bound.")
    OVERLOADED = ("overloaded", 503, "gateway", True, "The model is busy, and too many requests wait for it already.")
    QUEUE_TIMEOUT = ("queue_timeout", 503, "gateway", True, "The model was busy for too long.")
    TOKENS_BEYOND_LIMIT = ("tokens_beyond_limit", 400, "caller", False, "This request alone exceeds your token limit.")

    # validation
    SIGNATURE_INVALID = ("signature_invalid", 401, "caller", False, "The signature of the request does not hold.")
    SIGNATURE_REPLAYED = ("signature_replayed", 401, "caller", False, "The signature was used before.")
    SIGNATURE_REQUIRED = ("signature_required", 403, "caller", False, "A policy asks for signed requests.")
    SIGNATURE_MEMORY_FULL = (
        "signature_memory_full",
        503,
        "gateway",
        True,
        "Too many signatures are remembered at the moment.",
    )
    CONTENT_TYPE_UNSUPPORTED = ("content_type_unsupported", 415, "caller", False, "The body must be application/json.")
    CONTENT_ENCODING_UNSUPPORTED = ("content_encoding_unsupported", 415, "caller", False, "Send the body uncompressed.")
    BODY_MISSING = ("body_missing", 400, "caller", False, "A JSON body is required.")
    BODY_UNEXPECTED = ("body_unexpected", 400, "caller", False, "This operation takes no body.")
    JSON_MALFORMED = ("json_malformed", 400, "caller", False, "The body is not valid JSON.")
    JSON_ENCODING = ("json_encoding", 400, "caller", False, "The body is not valid UTF-8 or holds a lone surrogate.")
    JSON_DUPLICATE_KEY = ("json_duplicate_key", 400, "caller", False, "An object in the body has a key twice.")
    JSON_NUMBER = ("json_number", 400, "caller", False, "A number in the body cannot be represented.")
    JSON_TOO_DEEP = ("json_too_deep", 400, "caller", False, "The body is nested too deeply.")
    BODY_TOO_DIVIDED = ("body_too_divided", 400, "caller", False, "The body is made of too many objects and strings.")
    SHAPE_INVALID = ("shape_invalid", 400, "caller", False, "A field of the request has the wrong type or value.")
    FIELD_FORBIDDEN = ("field_forbidden", 400, "caller", False, "A policy forbids a field of the request.")
    CONTRACT_VIOLATED = ("contract_violated", 400, "caller", False, "The request does not fit the model's contract.")
    PARAMETER_REFUSED = ("parameter_refused", 400, "caller", False, "This model does not take a parameter like this.")
    FEATURE_REFUSED = ("feature_refused", 400, "caller", False, "This feature of the model is switched off.")
    INJECTION_FOUND = (
        "injection_found",
        400,
        "caller",
        False,
        "A parameter holds something that does not belong there.",
    )
    CONTENT_BEYOND_LIMIT = (
        "content_beyond_limit",
        400,
        "caller",
        False,
        "The request holds more than this model takes.",
    )
    URL_REFUSED = ("url_refused", 400, "caller", False, "The model server is not made to fetch this.")
    MEDIA_REFUSED = ("media_refused", 400, "caller", False, "The model does not take media of this type or size.")
    MEDIA_MISLABELLED = ("media_mislabelled", 400, "caller", False, "Media are not of the type they are said to be.")
    REACH_FORBIDDEN = (
        "reach_forbidden",
        400,
        "caller",
        False,
        "A field of the request reaches beyond the model and the servers that policies are about.",
    )
    STORED_REFUSED = (
        "stored_refused",
        400,
        "caller",
        False,
        "The request refers to something that is stored at the model server.",
    )
    MULTIPART_INVALID = ("multipart_invalid", 400, "caller", False, "The body is not a form with one file.")
    PURPOSE_REFUSED = (
        "purpose_refused",
        400,
        "caller",
        False,
        "Only files with requests of a batch are taken; nothing could look into others.",
    )
    ID_UNKNOWN = ("id_unknown", 404, "caller", False, "There is no such file or batch of yours.")
    FILE_OUTDATED = (
        "file_outdated",
        409,
        "caller",
        False,
        "Other policies hold now than when this file was uploaded; upload it again.",
    )
    CONTENT_UNREADABLE = ("content_unreadable", 400, "caller", False, "Part of the request cannot be inspected.")

    # upstream
    UPSTREAM_UNAVAILABLE = (
        "upstream_unavailable",
        503,
        "upstream",
        True,
        "No model server takes requests for this model at present.",
    )
    UPSTREAM_UNREACHABLE = ("upstream_unreachable", 502, "upstream", True, "The model server cannot be reached.")
    UPSTREAM_SATURATED = (
        "upstream_saturated",
        503,
        "upstream",
        True,
        "All connections to the model server are in use.",
    )
    UPSTREAM_CONNECT_TIMEOUT = ("upstream_connect_timeout", 504, "upstream", True, "The model server did not accept.")
    UPSTREAM_ADDRESS_REFUSED = (
        "upstream_address_refused",
        502,
        "upstream",
        True,
        "The model server has an address that the configuration does not admit.",
    )
    UPSTREAM_TLS_FAILED = ("upstream_tls_failed", 502, "upstream", True, "The model server could not be verified.")
    UPSTREAM_TLS_TIMEOUT = ("upstream_tls_timeout", 504, "upstream", True, "The model server did not finish in time.")
    UPSTREAM_CREDENTIAL_UNAVAILABLE = (
        "upstream_credential_unavailable",
        503,
        "gateway",
        True,
        "The gateway has no credential for the model server at present.",
    )
    UPSTREAM_CREDENTIAL_REFUSED = (
        "upstream_credential_refused",
        502,
        "gateway",
        True,
        "The model server did not accept the gateway's credential.",
    )
    CREDENTIAL_IN_ANSWER = (
        "credential_in_answer",
        502,
        "upstream",
        False,
        "The answer repeated the gateway's own credential.",
    )
    UPSTREAM_WRITE_TIMEOUT = ("upstream_write_timeout", 504, "upstream", True, "The request was not taken in time.")
    UPSTREAM_WHOLE_TIMEOUT = ("upstream_whole_timeout", 504, "upstream", True, "The answer took too long as a whole.")
    UPSTREAM_FIRST_BYTE_TIMEOUT = ("upstream_first_byte_timeout", 504, "upstream", True, "No answer came in time.")
    UPSTREAM_BETWEEN_BYTES_TIMEOUT = ("upstream_between_bytes_timeout", 504, "upstream", True, "The answer stalled.")
    UPSTREAM_PROTOCOL_ERROR = ("upstream_protocol_error", 502, "upstream", False, "The answer was not valid HTTP.")
    UPSTREAM_CLOSED_EARLY = ("upstream_closed_early", 502, "upstream", True, "The answer broke off.")
    RESPONSE_TOO_LARGE = ("response_too_large", 502, "upstream", False, "The answer is larger than can be inspected.")
    RESPONSE_UNREADABLE = ("response_unreadable", 502, "upstream", False, "The answer cannot be inspected as required.")
    MODEL_DRIFTED = ("model_drifted", 502, "upstream", False, "The model server is not the one that was asked for.")
    ANSWER_OFF_CONTRACT = ("answer_off_contract", 502, "upstream", False, "The answer does not fit the contract.")
    ANSWER_MEDIA_REFUSED = (
        "answer_media_refused",
        502,
        "upstream",
        False,
        "The answer holds something of a type that is not let through.",
    )
    REDIRECT_REFUSED = ("redirect_refused", 502, "upstream", False, "The model server answered with a redirect.")

    # gateway
    AUDIT_UNAVAILABLE = ("audit_unavailable", 503, "gateway", True, "The request could not be recorded.")
    DRAINING = ("draining", 503, "gateway", True, "The gateway is shutting down.")
    INTERNAL = ("internal", 500, "gateway", True, "The gateway failed; the request was not served.")

    # not errors towards the caller: how an exchange ended in the journal
    CLIENT_LEFT = ("client_left", 499, "caller", False, "The client closed the connection.")
    WORKER_DIED = ("worker_died", 499, "gateway", True, "The worker stopped before the exchange was closed.")
