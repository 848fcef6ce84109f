# SPDX-License-Identifier: MIT
"""Login without HTTP; ``kortilla.web.routes`` calls it.

Each call takes the browser's session, a mutable mapping into which only texts, numbers,
lists and dictionaries are put. The caller makes a new session id at login and logout.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kortilla.clock import utc_now
from kortilla.common.origin import check_origin
from kortilla.errors import AuthTokenParseError, TrustConfigurationError
from kortilla.events import EventHook
from kortilla.revocation import Revocation, RevocationChecker
from kortilla.validation.identity import Identity
from kortilla.validation.trust import Trust
from kortilla.validation.trust_folder import TrustFolder
from kortilla.validation.validator import validate
from kortilla.web.challenge import (
    NONCE_LIFETIME,
    Challenges,
    ChallengeStore,
    SessionData,
)
from kortilla.web.rate_limit import Attempt, RateLimit
from kortilla.web.refusals import Refusals
from kortilla.web.service_events import ServiceEvents

logger = logging.getLogger(__name__)

_IDENTITY_KEY = "kortilla.identity"


class LoginService:
    """The login of one service: its origin, its trusted CAs and its open challenges.

    ``trust`` is a ``Trust``, or a ``TrustFolder`` that can be read anew.

    ``revocation`` checks whether cards are revoked. By default a service with
    production trust makes its own ``Revocation()``, which refuses a login that it can't
    check; a service with test trust checks nothing. ``challenges`` is the store of
    nonces; several servers need one that they share. A challenge is valid for
    ``challenge_lifetime``, five minutes at most. ``rate_limit`` is called before each
    attempt. ``clock`` returns the time with its zone.

    ``on_event`` is called with each event of ``kortilla.events``; it is one hook or
    several. ``pseudonym_key`` has at least 32 random bytes, and stands for the persons
    in events. ``client_addresses`` puts the peer's address into events.
    ``request_id_header`` names a header that a trusted proxy sets; without it each
    request gets an id of its own. Raises ``ConfigurationError``.

    Use ``trust`` and ``revocation`` for the service's other calls too, such as those
    that verify signatures: the checker keeps CRLs, OCSP answers and connections.

    ``refusals`` has the page and the texts of refused requests.

    Call ``close`` when the service ends; each adapter documents how it does that.
    """

    def __init__(
        self,
        *,
        origin: str,
        trust: Trust | TrustFolder,
        revocation: RevocationChecker | None = None,
        challenges: ChallengeStore | None = None,
        challenge_lifetime: timedelta = NONCE_LIFETIME,
        rate_limit: RateLimit | None = None,
        on_event: EventHook | Iterable[EventHook] = (),
        pseudonym_key: bytes | None = None,
        client_addresses: bool = False,
        request_id_header: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        refusals: Refusals | None = None,
    ) -> None:
        self.origin: str = check_origin(origin)
        self._trust = trust
        trust = self.trust
        if origin.startswith("http:") and not trust.test:
            raise TrustConfigurationError(
                "An http origin is for trials with test trust; serve real cards over "
                "https."
            )
        #: What happens here, for hooks and the log.
        self.events = ServiceEvents(
            [on_event] if callable(on_event) else on_event,
            key=pseudonym_key,
            client_addresses=client_addresses,
            request_id_header=request_id_header,
            clock=clock,
        )
        self._own_revocation: Revocation | None = None
        if revocation is None and not trust.test:
            revocation = self._own_revocation = Revocation()
        if isinstance(revocation, Revocation) and revocation.forgets_lists:
            logger.warning(
                "The revocation checker has no cache_folder: after a restart it "
                "downloads its lists anew, and accepts an older one again."
            )
        self.revocation = revocation
        self._rate_limit = rate_limit
        self._clock = clock
        self.refusals = refusals or Refusals()
        #: The open challenges, for the routes.
        self.nonces = Challenges(
            challenges or ChallengeStore(), lifetime=challenge_lifetime, clock=clock
        )

    @property
    def trust(self) -> Trust:
        """The trusted CAs; of a ``TrustFolder``, those that were read last."""
        return self._trust if isinstance(self._trust, Trust) else self._trust.current

    @property
    def trust_problem(self) -> str:
        """Why a ``TrustFolder`` could not be read anew; empty if it could."""
        return "" if isinstance(self._trust, Trust) else self._trust.problem

    @property
    def challenges(self) -> ChallengeStore:
        """The store of nonces."""
        return self.nonces.store

    def now(self) -> datetime:
        """Return the time by the service's clock."""
        return self._clock()

    async def close(self) -> None:
        """Close what the service made; a second call does nothing.

        Event hooks see the events that wait, for five seconds at most. The caller
        closes the revocation checker, store and limit that it passed in.
        """
        await self.events.close()
        if self._own_revocation is not None:
            await self._own_revocation.close()

    async def admit(self, attempt: Attempt) -> None:
        """Apply the service's rate limit. Raises ``RateLimitedError``."""
        if self._rate_limit is not None:
            await self._rate_limit(attempt)

    async def challenge(self, session: SessionData) -> str:
        """Return a new challenge nonce, bound to this session."""
        return await self.nonces.create(session)

    async def login(
        self, session: SessionData, token: object, *, nonce: str | None = None
    ) -> Identity:
        """Redeem the session's nonce and validate the token against it.

        ``token`` is what the browser sent, of any type. ``nonce`` says which of the
        session's open challenges the token answers; by default the newest. The session
        is not changed: the adapter makes a new one and calls ``set_identity`` on it.
        Raises ``RelyingPartyError``.
        """
        nonce = await self.nonces.take(session, nonce)
        if not isinstance(token, Mapping):
            raise AuthTokenParseError("The token is not a JSON object.")
        at = self._clock()
        identity = await validate(
            token,
            origin=self.origin,
            nonce=nonce,
            trust=self.trust,
            at=at,
            revocation=self.revocation,
        )
        return replace(identity, authenticated_at=at.astimezone(UTC))

    @staticmethod
    def set_identity(
        session: SessionData, identity: Identity, *, certificate: bool = False
    ) -> None:
        """Record in a new, empty session who logged in.

        The ``certificate`` too, to encrypt to the person later, if the server holds the
        session (``Identity.to_json``).
        """
        session[_IDENTITY_KEY] = identity.to_json(certificate=certificate)

    @staticmethod
    def identity(session: Mapping[str, Any]) -> Identity | None:
        """Return who is logged in in this session, or None."""
        data = session.get(_IDENTITY_KEY)
        try:
            return None if data is None else Identity.from_json(data)
        except (AttributeError, KeyError, TypeError, ValueError):
            # A shared store outlives the version of this program that wrote into it.
            return None
