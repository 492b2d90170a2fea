"""What comes with a policy, as the data path takes it: what it says itself and what its bundles say, made one.

`unite` is how several of anything become one, for the bundles of a policy as for the policies of a use: masks add up,
each limit and each approval is asked for, only targets that all of them admit may serve, the strictest rest counts.
"""

from collections.abc import Sequence

from guardhouse.model.entity import NO_ENTITIES
from guardhouse.policy.document import Document, PolicyEntry
from guardhouse.policy.labels import regions_of, targets_meant
from guardhouse.policy.sections import limits
from guardhouse.policy.sections.effects import Effects, Mask
from guardhouse.policy.sections.regions import keep_of
from guardhouse.policy.snapshot import Approval, Grant
from guardhouse.policy.uniting import unite


def grant_of(entry: PolicyEntry, document: Document) -> Grant:
    return grant_from(entry, sources_of(entry, document), document)


def grant_from(entry: PolicyEntry, sources: Sequence[Effects], document: Document) -> Grant:
    grants = [_grant(entry, source, document) for source in sources]
    if entry.effect == "allow" and all(source.mask is None for source in sources):
        grants.append(_grant(entry, Effects(mask=Mask()), document))
    return unite((entry.name,), grants)


def sources_of(entry: PolicyEntry, document: Document) -> list[Effects]:
    """What the policy says itself, then its bundles; one that is not there is left out."""
    return [entry, *(document.bundles[name] for name in entry.use if name in document.bundles)]


def _grant(entry: PolicyEntry, source: Effects, document: Document) -> Grant:
    mask = source.mask or Mask(entities=())
    masked = NO_ENTITIES
    for entity in mask.entities:
        masked |= entity
    rules = () if source.limits is None else (limits.rule(entry.name, source.limits),)
    return Grant(
        policies=(),
        mask_request=int(masked) if "request" in mask.where else 0,
        mask_response=int(masked) if "response" in mask.where else 0,
        refuse_unknown_fields=source.unknown_fields == "refuse",
        limits=rules,
        cap_output=any(rule.cap_output for rule in rules),
        bounded=any(rule.bounded for rule in rules),
        approvals=() if source.approve is None else (Approval(entry.name, source.approve.by),),
        route=targets_meant(source.route, document) if source.route else None,
        keep=keep_of(source.keep_in, f"policy {entry.name}", regions_of(document)) if source.keep_in else (),
        flags=source.flag,
        signed="signature" in source.require,
        injection="" if source.injection == "pass" else source.injection,
    )
