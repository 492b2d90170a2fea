"""A principal that is written down and read again is the same, as far as policies can speak of it."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.described import Described, as_described, description_of
from guardhouse.model.principal import Principal

# what says how it was identified this time, and not who it is
OF_A_CREDENTIAL = {"id", "credential_id", "credential_made", "expires_at", "narrowings", "grantors"}

words = st.text(min_size=1, max_size=5)
sets = st.frozensets(words, max_size=3)
principals = st.builds(
    Principal,
    id=words,
    groups=sets,
    roles=sets,
    scopes=sets,
    team=st.text(max_size=3),
    tier=st.text(max_size=3),
    attributes=st.dictionaries(words, sets, max_size=3),
    method=st.sampled_from(["api_key", "oidc", "mtls", "token"]),
    strength=st.sampled_from(["single", "strong"]),
    issuer=st.text(max_size=3),
    credential_id=words,
)


@given(principals)
def test_what_is_written_is_read_again(principal: Principal) -> None:
    described = Described(**description_of(principal))
    again = as_described(msgspec.json.decode(msgspec.json.encode(described), type=Described), _bare(principal))
    assert again == principal


def test_every_member_that_a_policy_can_speak_of_is_written() -> None:
    assert set(Described.__struct_fields__) == set(Principal.__struct_fields__) - OF_A_CREDENTIAL


def _bare(principal: Principal) -> Principal:
    return Principal(**{name: getattr(principal, name) for name in OF_A_CREDENTIAL})
