"""Rights that are handed on through real tokens form a lattice: down is the only direction."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import MODELS, narrowings, policies, principals, requests, snapshot_of

from guardhouse.control.minting import MintedToken, Minter
from guardhouse.control.state import State, prepare
from guardhouse.identity import tokens
from guardhouse.identity.issuer_bulletin import IssuerBulletin
from guardhouse.identity.key_table import KeyTable
from guardhouse.identity.tokens import TokenTable
from guardhouse.model.bulletin import publish
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.policy.decide import decide
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Grant, Snapshot

NOW = 1_800_000_000.0


class Exchange:
    def __init__(self, folder: Path) -> None:
        state = State(folder / "state")
        prepare(state)
        self.minter = Minter(state)
        self.table = TokenTable({}, state.issuers, state.wanted)
        publish(state.issuers, IssuerBulletin(own=self.minter.public_keys))
        self.table.load()

    def handed_on(self, grantor: Principal, narrowing: Narrowing | None) -> Principal:
        """Whom a worker sees when the token is presented."""
        made = self.minter.mint(grantor, narrowing, 600.0, NOW)
        assert isinstance(made, MintedToken)
        token = made.token.reveal().encode()
        found = self.table.verify(token, tokens.read(token).digest, KeyTable(b"p" * 32), NOW)
        assert isinstance(found, Principal)
        return found


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    return Exchange(tmp_path_factory.mktemp("exchange"))


def rights(snapshot: Snapshot, principal: Principal, facts: Facts) -> dict[tuple[Operation, str | None], Grant]:
    """Everything that is allowed, and under which conditions."""
    uses = [(operation, model) for operation in Operation for model in (*MODELS, None)]
    decided = {use: decide(snapshot, principal, *use, facts) for use in uses}
    return {use: grant for use, grant in decided.items() if isinstance(grant, Grant)}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policies, principals, st.lists(st.none() | narrowings, min_size=1, max_size=4), requests)
def test_each_token_of_a_chain_gives_a_subset_of_the_one_before(
    exchange: Exchange,
    policies: list[dict[str, Any]],
    principal: Principal,
    chain: list[Narrowing | None],
    facts: Facts,
) -> None:
    snapshot = snapshot_of(policies)
    grantor = principal = Principal(
        id=principal.id, groups=principal.groups, method="oidc", credential_id=principal.credential_id
    )
    for narrowing in chain:
        delegate = exchange.handed_on(grantor, narrowing)
        above, below = rights(snapshot, grantor, facts), rights(snapshot, delegate, facts)
        assert below.items() <= above.items()
        if narrowing is None:
            assert below == above
        grantor = delegate
    assert rights(snapshot, grantor, facts).items() <= rights(snapshot, principal, facts).items()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policies, principals, st.tuples(narrowings, narrowings), requests)
def test_the_order_of_narrowings_does_not_matter_and_twice_is_once(
    exchange: Exchange,
    policies: list[dict[str, Any]],
    principal: Principal,
    pair: tuple[Narrowing, Narrowing],
    facts: Facts,
) -> None:
    snapshot = snapshot_of(policies)
    one, other = pair
    grantor = Principal(id=principal.id, groups=principal.groups, method="oidc", credential_id="c")

    def left_of(*narrowed: Narrowing) -> dict[tuple[Operation, str | None], Grant]:
        holder = grantor
        for narrowing in narrowed:
            holder = exchange.handed_on(holder, narrowing)
        return rights(snapshot, holder, facts)

    assert left_of(one, other) == left_of(other, one)
    assert left_of(one, one) == left_of(one)
