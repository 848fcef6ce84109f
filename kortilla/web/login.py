# SPDX-License-Identifier: MIT
"""Login without HTTP: what ``kortilla.web.http`` calls.

Each call is given the browser's session, a mutable mapping that only texts, numbers,
lists and dictionaries go into; a new session id around ``login`` and ``logout`` is the
caller's to make.
"""

import logging
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from typing import Any

from kortilla.clock import utc_now
from kortilla.errors import AuthTokenParseError, TrustConfigurationError
from kortilla.origin import check_origin
from kortilla.revocation import Revocation, RevocationChecker
from kortilla.validation.identity import Identity
from kortilla.validation.trust import Trust
from kortilla.validation.validator import validate
from kortilla.web.challenge import (
    Challenges,
    ChallengeStore,
    MemoryChallengeStore,
)
from kortilla.web.rate_limit import Attempt, RateLimit

__all__ = ["LoginService"]

logger = logging.getLogger(__name__)

_IDENTITY_KEY = "kortilla.identity"


class LoginService:
    """One service's login: its origin, whom it trusts, and its open challenges.

    ``revocation`` says how revoked cards are found out. Unless it is given, a service
    with production trust makes a ``Revocation()`` of its own, which refuses whom it
    can't check, and one with test trust asks nobody. ``challenges`` is the store of
    nonces; a service on several servers gives one that they share. ``rate_limit`` is
    asked before each attempt. ``clock`` returns the time with its zone.

    Its ``trust`` and ``revocation`` are for the other calls of the service too, such as
    those that verify signatures: a checker keeps lists, answers and connections.

    ``close`` it when the service ends; each adapter says what does.
    """

    def __init__(
        self,
        *,
        origin: str,
        trust: Trust,
        revocation: RevocationChecker | None = None,
        challenges: ChallengeStore | None = None,
        rate_limit: RateLimit | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.origin: str = check_origin(origin)
        if origin.startswith("http:") and not trust.test:
            raise TrustConfigurationError(
                "An http origin is for trials with test trust; serve real cards over "
                "https."
            )
        self.trust = trust
        self._own_revocation: Revocation | None = None
        if revocation is None and not trust.test:
            revocation = self._own_revocation = Revocation()
        self.revocation = revocation
        self._rate_limit = rate_limit
        self._clock = clock
        if challenges is None:
            challenges = MemoryChallengeStore(clock=clock)
        self._challenges = Challenges(challenges, clock=clock)

    async def close(self) -> None:
        """Close what the service made itself; a second call does nothing.

        A revocation checker, a store or a limit that it was given is not its to close.
        """
        if self._own_revocation is not None:
            await self._own_revocation.close()

    async def admit(self, attempt: Attempt) -> None:
        """Ask the service's limit. Raises ``RateLimitedError``."""
        if self._rate_limit is not None:
            await self._rate_limit(attempt)

    async def challenge(self, session: MutableMapping[str, Any]) -> str:
        """Return a new challenge nonce, bound to this session."""
        return await self._challenges.create(session)

    async def login(
        self,
        session: MutableMapping[str, Any],
        token: Any,
        *,
        nonce: str | None = None,
    ) -> Identity:
        """Use up the session's nonce and validate the token against it.

        ``token`` is what the browser sent, of any type. ``nonce`` says which of the
        session's open challenges the token answers; the newest, unless given. The
        session is left as it was: the adapter makes a new one and calls
        ``set_identity`` on it. Raises ``RelyingPartyError``.
        """
        nonce = await self._challenges.take(session, nonce)
        if not isinstance(token, Mapping):
            raise AuthTokenParseError("The token is not a JSON object.")
        identity = await validate(
            token,
            origin=self.origin,
            nonce=nonce,
            trust=self.trust,
            at=self._clock(),
            revocation=self.revocation,
        )
        logger.info("A person logged in with a card of %s.", identity.issuer)
        return identity

    def spend(self, nonce: str) -> None:
        """Have a nonce that was presented, and could not be looked up, never work."""
        self._challenges.spend(nonce)

    @staticmethod
    def forget_challenges(session: MutableMapping[str, Any]) -> None:
        """Take the open challenges out of a session."""
        Challenges.forget(session)

    @staticmethod
    def set_identity(session: MutableMapping[str, Any], identity: Identity) -> None:
        """Make a new, empty session the session of this person."""
        session[_IDENTITY_KEY] = identity.to_json()

    @staticmethod
    def identity(session: Mapping[str, Any]) -> Identity | None:
        """Return who is logged in in this session, or None."""
        data = session.get(_IDENTITY_KEY)
        try:
            return None if data is None else Identity.from_json(data)
        except (AttributeError, KeyError, TypeError, ValueError):
            # A shared store outlives the version of this program that wrote into it.
            return None
