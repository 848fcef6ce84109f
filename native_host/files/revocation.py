# SPDX-License-Identifier: MIT
"""Asks the CAs' services whether certificates were revoked, while the user waits."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from kortilla.errors import (
    RelyingPartyError,
    RevocationCheckFailedError,
    UserCertificateOCSPCheckFailedError,
)
from kortilla.revocation import (
    CertificatePath,
    Reason,
    Revocation,
    RevocationChecker,
)

#: For the responder, and then for a list of 45 MB; and for all services in vain.
_SECONDS = 70.0
#: Where nobody is reached, nobody is reached about another person either.
_NOBODY_THERE = {Reason.UNREACHABLE, Reason.TIMEOUT, Reason.REDIRECTED}


@asynccontextmanager
async def asking() -> AsyncIterator[RevocationChecker]:
    """Yield who is asked about some certificates, as ``AskedOnce``."""
    # Nobody waits here to be let in, and a list may be long.
    async with Revocation(trust_env=True, timeout=_SECONDS) as revocation:
        yield AskedOnce(revocation)


class AskedOnce:
    """Asks about each certificate once, however many files it has signed.

    An issuer whose services were not reached is not tried again: without a network,
    ten files of ten people, or one file for ten, would take ten times as long.
    ``seconds`` is how long the services of all issuers may be waited for in vain.
    """

    def __init__(
        self, revocation: RevocationChecker, *, seconds: float = _SECONDS
    ) -> None:
        self._revocation = revocation
        self._left = seconds
        self._answers: dict[bytes, RelyingPartyError | None] = {}
        self._unreached: dict[bytes, RelyingPartyError] = {}

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Check as ``Revocation`` does, or give the answer that came before."""
        leaf, issuer = path.leaf.dump(), path.issuer.dump()
        if leaf not in self._answers:
            self._answers[leaf] = await self._ask(path, issuer, at)
        if (error := self._answers[leaf]) is not None:
            raise error

    async def _ask(
        self, path: CertificatePath, issuer: bytes, at: datetime
    ) -> RelyingPartyError | None:
        if issuer in self._unreached:
            return self._unreached[issuer]
        if self._left <= 0:
            return self._unreached.setdefault(issuer, _no_time())
        begin = time.monotonic()
        try:
            async with asyncio.timeout(self._left):
                await self._revocation.check(path, at=at)
        except TimeoutError:
            self._left = 0
            error: RelyingPartyError = _no_time()
        except RelyingPartyError as raised:
            error = raised
        else:
            return None
        if (
            isinstance(error, RevocationCheckFailedError)
            and error.reason in _NOBODY_THERE
        ):
            self._left -= time.monotonic() - begin
            self._unreached[issuer] = error
        return error


def _no_time() -> UserCertificateOCSPCheckFailedError:
    return UserCertificateOCSPCheckFailedError(
        "The services that were asked took too long.", reason=Reason.TIMEOUT.value
    )
