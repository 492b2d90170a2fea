"""Each file in tests/golden is a configuration, a line of dashes, and what loading it says: problems, or a summary.

To add a case write its upper half; the failing test shows the lower one, to be read before it is believed.
"""

from pathlib import Path

import pytest

from guardhouse.identity.issuers import Issuer
from guardhouse.limits.rate import LimitRule
from guardhouse.model.entity import Entity
from guardhouse.policy.load import Loaded, load
from guardhouse.policy.problem import Problems
from guardhouse.policy.resilience import Breaking
from guardhouse.policy.sections.people import SCOPES, origin_of
from guardhouse.policy.sections.when import When
from guardhouse.policy.settings import LimitsStore
from guardhouse.policy.snapshot import Model, Policy, Target

GOLDEN = Path(__file__).parent.parent / "golden"
DIVIDER = "----------\n"
VERBS = {"allow": "may", "deny": "may not", "restrict": "is restricted in"}
ENVIRON = {"UPSTREAM_KEY": "canary-1", "EMPTY": ""}


def summary(outcome: Loaded | Problems) -> str:
    if not isinstance(outcome, Loaded):
        return "".join(f"{problem}\n" for problem in outcome)
    settings, snapshot = outcome.settings, outcome.snapshot
    lines = [
        f"listen {settings.listen.address}, admin {settings.admin.address}",
        f"state {settings.state.name}, workers {settings.workers}, user label {settings.metrics.user}",
        *([] if settings.limits_store is None else [store_line(settings.limits_store)]),
        *map(issuer_line, settings.identity.issuers.values()),
        *(
            f"people of {name} sign in by {provider.kind} at {provider.issuer} as {provider.client}, "
            f"for {' '.join(provider.scopes or SCOPES)}, and come back to {origin_of(settings.admin)}; "
            f"{provider.secret or 'no secret'}"
            for name, provider in settings.admin.people.items()
        ),
        *map(target_line, snapshot.targets.values()),
        *(
            f"model {model.name} -> {', '.join(target.name for target in model.targets)} as {model.upstream_name}"
            + choice_of(model)
            for model in snapshot.models.values()
        ),
        *(
            f"route {path.decode()} is {route.operation.word} with {route.model or 'a model of the document'}"
            for path, route in snapshot.routes.items()
        ),
    ]
    for policy in snapshot.policies:
        lines += policy_lines(policy)
    return "".join(f"{line}\n" for line in lines)


def store_line(store: LimitsStore) -> str:
    user = f" as {store.user} with {store.password}" if store.user else ""
    return f"limits in {store.url}{user}, {store.machines} machines, {store.away} while it is away"


def issuer_line(issuer: Issuer) -> str:
    source = issuer.source
    place = source.jwks_file.name if source.jwks_file else source.jwks or source.discovery
    required = "".join(f", {'/'.join(rule.claim)} in {' '.join(rule.values)}" for rule in issuer.require)
    taken = " ".join(sorted("/".join(path) for path in issuer.claims.attributes.values()))
    groups = "/".join(issuer.claims.groups or ("nowhere",))
    return (
        f"issuer {issuer.name} is {issuer.issuer} for {' '.join(issuer.audience)}{required}; keys {place}; "
        f"ids {issuer.prefix}{'/'.join(issuer.claims.id)}, groups {groups}, attributes {taken or 'none'}"
    )


def target_line(target: Target) -> str:
    credential = f", credential {target.credential!r}" if target.credential else ""
    taken = target.capacity
    capacity = "" if taken is None else f", takes {taken.concurrent} at a time, queue of {taken.queue.depth}"
    place = f"{target.scheme} {target.host} {target.port} {target.base_path or '/'}"
    rules = target.breaker
    broken = f", broken after {rules.failures} or {rules.share}%, for {rules.pause:g} to {rules.longest:g} s"
    weight = f", weight {target.weight}" if target.weight > 1 else ""
    shown = f"target {target.name} {place}{credential}{capacity}{weight}"
    return shown + (broken if (rules.failures, rules.pause) != (Breaking().failures, Breaking().pause) else "")


def choice_of(model: Model) -> str:
    how = model.choose
    shown = "" if how is None else f", {how.how}{f' by {how.by}' if how.how == 'sticky' else ''}"
    shown += ", repeatable" if model.repeatable else ""
    return shown + (f", else {' '.join(model.fallback)}" if model.fallback else "")


def policy_lines(policy: Policy) -> list[str]:
    grant = policy.grant
    who = [*sorted(policy.who.ids), *(f"@{group}" for group in sorted(policy.who.groups))]
    if policy.who.everybody:
        who = ["everybody"]
    for name in ("roles", "teams", "scopes", "tiers", "methods", "issuers"):
        who += [f"{name}={value}" for value in getattr(policy.who, name)]
    who += [f"{name}={'|'.join(values)}" for name, values in sorted(policy.who.attributes.items())]
    conditions = "" if policy.when == When() else ", under conditions"
    limits = [", ".join(limits_of(rule)) for rule in grant.limits]
    if policy.join:
        conditions += f", where {' and '.join(f'{name} is {attribute}' for name, attribute in policy.join)}"
    rest = [f"{', '.join(approval.by)} approves" for approval in grant.approvals]
    rest += [f"only by {' '.join(sorted(grant.route))}"] if grant.route is not None else []
    rest += [f"keeps {one.of} in {' '.join([*sorted(one.within), *one.own])}" for one in grant.keep]
    rest += [f"flagged {' '.join(grant.flags)}"] if grant.flags else []
    uses = " ".join(sorted(use.value for use in policy.operations))
    models = " ".join(sorted(policy.models)) or "no model"
    shown = [
        f"policy {policy.name}: {' '.join(who)}",
        f"  {VERBS[policy.effect]} {uses} on {models}{conditions}",
        f"  masks {entities(grant.mask_request)} / {entities(grant.mask_response)}",
        f"  unknown fields {'refused' if grant.refuse_unknown_fields else 'pass'}; limits {' '.join(limits) or 'none'}",
    ]
    return [*shown, f"  {'; '.join(rest)}"] if rest else shown


def limits_of(rule: LimitRule) -> list[str]:
    told = [f"{rule.requests or 'any'} requests", f"{rule.tokens or 'any'} tokens"]
    told += [] if rule.concurrent is None else [str(rule.concurrent)]
    told += [f"{quota} {'budget' if quota.budget else 'quota'} {quota.zone}" for quota in rule.quotas]
    told += [] if rule.queue is None else [f"queue of {rule.queue.depth} for {rule.queue.wait:g} s"]
    told += [] if rule.away is None else [f"{rule.away} while the store is away"]
    return [*told, "capping"] if rule.cap_output else told


def entities(masked: int) -> str:
    return "+".join(sorted(entity.name.lower() for entity in Entity(masked) if entity.name)) or "nothing"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "upstream-key").write_text("canary-2\n")
    (tmp_path / "keys.json").write_text("{}")
    (tmp_path / "two-lines").write_text("canary-3\nmore\n")
    return tmp_path


@pytest.mark.parametrize("case", sorted(path.stem for path in GOLDEN.glob("*.txt")))
def test_a_configuration_loads_to_exactly_this(case: str, folder: Path) -> None:
    configuration, expected = (GOLDEN / f"{case}.txt").read_text().split(DIVIDER)
    (folder / "guardhouse.yaml").write_text(configuration)
    outcome = load(Path("guardhouse.yaml"), ENVIRON)
    assert summary(outcome) == expected
    assert "canary" not in repr(outcome)
    assert "pa55word" not in repr(outcome)


def test_there_are_cases_of_both_kinds() -> None:
    expected = [path.read_text().split(DIVIDER)[1] for path in GOLDEN.glob("*.txt")]
    assert sum(text.startswith("guardhouse.yaml") for text in expected) >= 25
    assert sum(text.startswith("listen") for text in expected) >= 4
