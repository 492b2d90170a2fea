import pytest

from guardhouse.policy.problem import dotted
from guardhouse.policy.sections.who import Who, findings


@pytest.mark.parametrize(
    "who",
    [
        Who(ids=("alice",)),
        Who(ids=("*",), methods=("mtls",), attributes={"department": ("it",)}),
        Who(roles=("engineer",), teams=("blue",)),
        Who(groups=("g",), issuers=("corporate",), methods=("oidc",)),
    ],
)
def test_whoever_can_be_meant_is_left_alone(who: Who) -> None:
    assert list(findings(who)) == []


@pytest.mark.parametrize(
    ("who", "place"),
    [
        (Who(), ""),
        (Who(tiers=("gold",)), ""),
        (Who(ids=("*", "alice")), "ids"),
        (Who(ids=("*",), roles=("r",)), "roles"),
        (Who(ids=("*",), teams=("t",)), "teams"),
        (Who(groups=("g",), issuers=("corporate",), methods=("api_key",)), "issuers"),
        (Who(groups=("g",), methods=("api_key", "oidc", "mtls", "token")), "methods"),
        (Who(groups=("g",), attributes={"tier": ("gold",)}), "attributes.tier"),
    ],
)
def test_what_means_nobody_or_adds_nothing_is_found(who: Who, place: str) -> None:
    assert [dotted(path) for path, _ in findings(who)] == [place]
