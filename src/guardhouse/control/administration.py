"""The whole administration API, put together: which groups of routes there are, and what each is given.

Rows that are served elsewhere (tokens, which prove themselves by what is in the body) stand here too, so that the
description lacks nothing. Whoever adds a group of routes adds its `endpoints()` to the list here.
"""

from collections.abc import Callable

from starlette.routing import Route

from guardhouse.audit.journal import Journal
from guardhouse.control.api import Api
from guardhouse.control.authority import Authority
from guardhouse.control.callers import Callers
from guardhouse.control.endpoint import OPEN, Answer, Call, Endpoint
from guardhouse.control.entrance import Entrance
from guardhouse.control.issuance import Issuance
from guardhouse.control.key_api import KeyApi
from guardhouse.control.key_ring import KeyRing
from guardhouse.control.login import Login
from guardhouse.control.mint_limits import MintLimits
from guardhouse.control.minted_store import MintedStore
from guardhouse.control.minting import Minter
from guardhouse.control.openapi import describe
from guardhouse.control.policy_api import PolicyApi
from guardhouse.control.providers import providers_of
from guardhouse.control.self_api import SelfApi
from guardhouse.control.session_store import SessionStore
from guardhouse.control.sessions import Sessions
from guardhouse.control.signin import Signin
from guardhouse.control.signin_pace import SigninPace
from guardhouse.control.standing_api import StandingApi
from guardhouse.control.standing_store import StandingStore
from guardhouse.control.state import State, load_secrets, shares_of
from guardhouse.control.store import Store
from guardhouse.control.token_api import TokenApi
from guardhouse.control.usage_desk import UsageReport
from guardhouse.policy.edition import Edition
from guardhouse.policy.sections.people import origin_of
from guardhouse.policy.settings import Settings

Revoke = Callable[[str, str, float, float | None], None]

_ELSEWHERE = (
    Endpoint(
        method="POST", path="/api/v1/token", needs=OPEN, summary="Exchange a credential for a token (RFC 8693, a form)."
    ),
    Endpoint(method="POST", path="/api/v1/token/revoke", needs=OPEN, summary="End a token (RFC 7009, a form)."),
)


class Administration:
    """`revoke` ends a credential by its id; `edition` gives the policy that is in force now, `usage` what is used at
    present."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        store: Store,
        journal: Journal,
        *,
        minter: Minter,
        revoke: Revoke,
        edition: Callable[[], Edition],
        usage: Callable[[float], UsageReport],
    ) -> None:
        secrets = load_secrets(state)
        pepper = secrets.pepper
        self.callers = Callers(settings, state, store, pepper, journal, edition=edition)
        self.authority = Authority(state, edition, shares_of(secrets))
        origin = origin_of(settings.admin)
        self.sessions = Sessions(
            SessionStore(store.engine), settings.admin.sessions, origin, ended=self.callers.ended, revoke=revoke
        )
        self.entrance = Entrance(self.callers, self.authority, self.sessions)
        providers = providers_of(settings, state, origin)
        self.signin_pace = SigninPace(settings.signins, journal.append)
        self._signin = Signin(providers, self.sessions, self.callers, journal, origin, self.signin_pace)
        self._journal = journal
        tokens = settings.identity.tokens
        self.mint_limits = MintLimits(tokens, MintedStore(store.engine), journal.append)
        issuance = Issuance(minter, self.mint_limits, journal)
        self._tokens = TokenApi(self.callers, issuance, revoke, tokens.lifetime, self.authority.suspension)
        self._login = Login(self._signin, self.sessions, self.callers, self.authority, issuance, tokens.longest)
        self._groups = (
            SelfApi(self.authority).endpoints(),
            self._login.endpoints(),
            PolicyApi(self.authority).endpoints(),
            StandingApi(StandingStore(store.engine), self.authority, usage).endpoints(),
            KeyApi(KeyRing(store, pepper), store, self.authority, journal).endpoints(),
        )

    def __repr__(self) -> str:
        return "<Administration>"

    def rows(self) -> list[Endpoint]:
        """All of them, that of the description included."""

        async def description(_call: Call) -> Answer:
            return Answer(describe(listed))

        own = Endpoint(
            method="GET", path="/api/v1/openapi.json", needs=OPEN, summary="This description.", does=description
        )
        listed = [own, *(endpoint for group in self._groups for endpoint in group), *_ELSEWHERE]
        return listed

    def routes(self) -> list[Route]:
        api = Api(self.entrance, self.authority, self._journal)
        pages = [*self._signin.routes(), *self._login.routes()] if self._signin.providers else []
        return [*self._tokens.routes(), *api.routes(self.rows()), *pages]
