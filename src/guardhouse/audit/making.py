"""The two records of an exchange, made by the names of their members.

A struct of forty members costs more to make by keywords than to encode, because each word is looked for among all the
names. Keywords of a call between compiled modules are bound when they are compiled; so the path calls what stands here,
and here the members are handed on by place, in the order of record.py. A test compares the orders.
"""

from guardhouse.audit.record import (
    Attempt,
    Closed,
    Control,
    Decision,
    Kept,
    Media,
    Opened,
    Outcome,
    Server,
    Shadow,
    Stored,
    Unseen,
)
from guardhouse.model.usage import Timing

# a member in a line would be two hundred lines
# fmt: off
# ruff: noqa: A002 - `id` is what the member is called


def opened(
    *,
    at: float, id: str, principal: str, credential: str, client: str, operation: str, model: str, target: str,
    policies: tuple[str, ...], revision: str, flags: tuple[str, ...], region: str, kept: Kept | None, stream: bool,
    bytes_in: int, prompt_hash: str, message_hashes: list[str], further_texts: int, further_hash: str,
    hash_key: str, char_count: int, token_estimate: int, keyword_hits: int, delimiter_hits: int, encoded_blobs: int,
    risk: int, masked: dict[str, int], reserved: int, reserved_cost: int, media: tuple[Media, ...],
    servers: tuple[Server, ...], stored: tuple[Stored, ...], unevaluated: tuple[str, ...],
) -> Opened:
    return Opened(
        at, id, principal, credential, client, operation, model, target, policies, revision, flags, region, kept,
        stream, bytes_in, prompt_hash, message_hashes, further_texts, further_hash, hash_key, char_count,
        token_estimate, keyword_hits, delimiter_hits, encoded_blobs, risk, masked, reserved, reserved_cost, media,
        servers, stored, unevaluated,
    )


def closed(
    *,
    at: float, id: str, decision: Decision, outcome: Outcome, reason: str, detail: str, status: int, principal: str,
    credential: str, client: str, operation: str, model: str, injections: dict[str, int], signed_by: str,
    asked: str, sent: str, answered: str, instead_of: str, target: str, attempts: list[Attempt],
    policies: tuple[str, ...], revision: str, shadow: Shadow | None, flags: tuple[str, ...], region: str,
    kept: Kept | None, stream: bool, finish_reason: str, input_tokens: int, output_tokens: int, usage_source: str,
    timing: Timing | None, cost: int, currency: str, charged: int, charged_cost: int, bytes_out: int,
    duration: float, first_byte: float, waited: float | None, risk: int, media: dict[str, int],
    masked_request: dict[str, int], masked: dict[str, int], unseen: Unseen | None, controls: dict[str, Control],
) -> Closed:
    return Closed(
        at, id, decision, outcome, reason, detail, status, principal, credential, client, operation, model,
        injections, signed_by, asked, sent, answered, instead_of, target, attempts, policies, revision, shadow,
        flags, region, kept, stream, finish_reason, input_tokens, output_tokens, usage_source, timing, cost,
        currency, charged, charged_cost, bytes_out, duration, first_byte, waited, risk, media, masked_request,
        masked, unseen, controls,
    )
