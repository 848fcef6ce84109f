# SPDX-License-Identifier: MIT
"""Asks the authority about the signers of several files, no more often than needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from kortilla.errors import RelyingPartyError, RevocationCheckFailedError
from kortilla.revocation import (
    CertificatePath,
    Reason,
    Revocation,
    RevocationChecker,
)

#: For the responder, and then for a list of 45 MB.
_SECONDS = 70.0
#: Where nobody is reached, nobody is reached about another person either.
_NOBODY_THERE = {Reason.UNREACHABLE, Reason.TIMEOUT, Reason.REDIRECTED}


@asynccontextmanager
async def asking(*, offline: bool) -> AsyncIterator[RevocationChecker | None]:
    """Yield who is asked while some files are checked, or None if nobody is."""
    if offline:
        yield None
        return
    # Nobody waits here to be let in, and a list may be long.
    async with Revocation(trust_env=True, timeout=_SECONDS) as revocation:
        yield AskedOnce(revocation)


class AskedOnce:
    """Asks about each certificate once, however many files it has signed.

    An issuer whose services were not reached is not tried again: without a network,
    ten files of ten persons would take ten times as long.
    """

    def __init__(self, revocation: RevocationChecker) -> None:
        self._revocation = revocation
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
        try:
            await self._revocation.check(path, at=at)
        except RelyingPartyError as error:
            if (
                isinstance(error, RevocationCheckFailedError)
                and error.reason in _NOBODY_THERE
            ):
                self._unreached[issuer] = error
            return error
        return None
