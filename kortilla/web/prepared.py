# SPDX-License-Identifier: MIT
"""A store of prepared signatures, between the two calls around the card's signature.

    key = await prepared.put(session, await prepare_pdf(…))
    # The page gets key and for_page, signs, and sends key and answer.
    signed = await finish_pdf(await prepared.take(session, key), answer, …)

``session`` is what an adapter's ``session_id`` returns. Another session can't take it.
"""

import secrets

from kortilla.errors import DocumentNotSignableError, PreparedSignatureNotFoundError
from kortilla.signing.state import PreparedSignature
from kortilla.store import Store, Table, digest
from kortilla.store.memory import StoreUser

__all__ = ["LIFETIME", "MAX_BYTES", "PreparedStore"]

#: Seconds that a prepared signature is kept: reading a contract takes a while.
LIFETIME = 15 * 60.0
#: Bytes of the longest document.
MAX_BYTES = 32_000_000


class PreparedStore(StoreUser):
    """Keeps each prepared signature for ``lifetime`` seconds, until it is taken, once.

    ``session`` is any text that names the browser session, which has at most five, each
    with a document of at most ``max_bytes``. A store that can't be reached, or is full,
    raises ``StoreUnavailableError``; Redis bounds the sum itself (``maxmemory``).
    """

    _TABLE = Table("prepared", once=True, most=5)

    def __init__(
        self,
        store: Store | None = None,
        *,
        lifetime: float = LIFETIME,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        super().__init__(store)
        self._lifetime = lifetime
        self._max_bytes = max_bytes

    async def put(self, session: str, prepared: PreparedSignature) -> str:
        """Store it, and return a key for ``take`` that can't be guessed.

        The page may have the key. A session that has too many loses its oldest. Raises
        ``DocumentNotSignableError`` for one that is too long.
        """
        if len(prepared.document) > self._max_bytes:
            raise DocumentNotSignableError(
                f"The prepared document has more than {self._max_bytes} bytes.",
                reason="too-long",
            )
        key = secrets.token_urlsafe(24)
        await self._store.put(
            self._TABLE,
            _bound(session, key),
            prepared.to_bytes(),
            seconds=self._lifetime,
            group=session,
        )
        return key

    async def take(self, session: str, key: str) -> PreparedSignature:
        """Remove it and return it. Exactly one of several callers gets it.

        After ``TimestampFailedError`` or ``SigningUnavailableError``, ``put`` stores it
        again under a new key. Raises ``PreparedSignatureNotFoundError``, also for
        another session's key.
        """
        found = await self._store.take(self._TABLE, _bound(session, key))
        if found is None:
            raise PreparedSignatureNotFoundError(
                "The prepared signature has been used already, is unknown or too old, "
                "or is from before a restart of Redis."
            )
        return PreparedSignature.from_bytes(found)


def _bound(session: str, key: str) -> str:
    """Return a key of one session; a digest has a fixed length, so no two are alike."""
    return digest(session) + key
