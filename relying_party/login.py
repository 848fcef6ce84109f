# SPDX-License-Identifier: MIT
"""Login without a web framework: what an adapter for one calls.

An adapter gives each call the browser's session, a mutable mapping that only texts,
numbers, lists and dictionaries go into, and makes a new session id around ``login``
and ``logout``.
"""

import logging
import re
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from typing import Any

from .challenge import Challenges, ChallengeStore, MemoryChallengeStore, utc_now
from .errors import AuthTokenParseError, TrustConfigurationError
from .identity import Identity
from .revocation import RevocationChecker
from .trust import Trust
from .validation import validate

__all__ = ["LoginService", "check_origin"]

logger = logging.getLogger(__name__)

_IDENTITY_KEY = "kortilla.identity"
_ORIGIN = re.compile(
    r"https://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?P<port>:[1-9][0-9]{0,4})?"
    r"|http://(?:localhost|127\.0\.0\.1)(?::[1-9][0-9]{0,4})?"
)


def check_origin(origin: str) -> str:
    """Return a service's origin if it is written as browsers write it.

    ``https://host[:port]``, in lower case, ASCII (punycode), without a path; ``http``
    for this computer alone. Raises ``ValueError``: an origin written in another way
    would make every signature fail.
    """
    if (
        len(origin) > 255
        or not _ORIGIN.fullmatch(origin)
        or (origin.startswith("https:") and origin.endswith(":443"))
        or (origin.startswith("http:") and origin.endswith(":80"))
    ):
        raise ValueError(
            f"{origin!r} is not an origin as browsers write it, such as "
            "'https://service.example'."
        )
    return origin


class LoginService:
    """One service's login: its origin, whom it trusts, and its open challenges.

    ``challenges`` is the store of nonces; a service on several servers gives one that
    they share. ``clock`` returns the time with its zone.
    """

    def __init__(
        self,
        *,
        origin: str,
        trust: Trust,
        revocation: RevocationChecker | None = None,
        challenges: ChallengeStore | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.origin = check_origin(origin)
        if origin.startswith("http:") and not trust.test:
            raise TrustConfigurationError(
                "An http origin is for trials with test trust; serve real cards over "
                "https."
            )
        self._trust = trust
        self._revocation = revocation
        self._clock = clock
        if challenges is None:
            challenges = MemoryChallengeStore(clock=clock)
        self._challenges = Challenges(challenges, clock=clock)

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
            trust=self._trust,
            at=self._clock(),
            revocation=self._revocation,
        )
        logger.info("A person logged in with a card of %s.", identity.issuer)
        return identity

    @staticmethod
    def set_identity(session: MutableMapping[str, Any], identity: Identity) -> None:
        """Make a new, empty session the session of this person."""
        session[_IDENTITY_KEY] = identity.to_json()

    @staticmethod
    def identity(session: Mapping[str, Any]) -> Identity | None:
        """Return who is logged in in this session, or None."""
        data = session.get(_IDENTITY_KEY)
        return None if data is None else Identity.from_json(data)
