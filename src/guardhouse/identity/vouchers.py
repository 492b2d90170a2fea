"""Who may vouch for callers according to the policy that is in force: issuers of tokens, and who signs people in.

Which issuers there are, with their keys, is read at a start. That one is no longer believed takes effect with the
policy that leaves it out: its tokens, the sessions that it began, and every token that was minted for either are
refused from then on, and answers under way for them end (tokens.py, path/oversight.py).
"""

import msgspec

from guardhouse.model.principal import Principal


class Vouchers(msgspec.Struct, frozen=True):
    issuers: frozenset[str]  # names: of those whose tokens count
    people: frozenset[str]  # and of those that sign people in

    def vouch_for(self, principal: Principal) -> bool:
        """Whether whoever vouched for `principal` in the first place still may."""
        if not principal.issuer or principal.method not in ("oidc", "token"):
            return True
        return principal.issuer in (self.issuers if principal.method == "oidc" else self.people)
