# SPDX-License-Identifier: MIT
"""Asks by OCSP and by CRL, and says which answer counts."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

from aiohttp.abc import AbstractResolver
from asn1crypto import x509

from kortilla.clock import utc_now
from kortilla.errors import (
    UserCertificateCRLCheckFailedError,
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.proxies import Proxies
from kortilla.revocation import ocsp
from kortilla.revocation.certificates import Subject, crl_addresses, ocsp_address
from kortilla.revocation.crl_cache import RevocationLists
from kortilla.revocation.fetch import Fetcher, Limits, host_of
from kortilla.revocation.path import CertificatePath
from kortilla.revocation.reasons import NoAnswerError, Reason, named
from kortilla.revocation.single_flight import SingleFlight

__all__ = ["By", "Revocation"]

logger = logging.getLogger(__name__)

By = Literal["ocsp", "crl", "both", "ocsp-or-crl"]

_OCSP_OCTETS = 32 * 1024
_OCSP_HEADERS = {
    "Content-Type": "application/ocsp-request",
    "Accept": "application/ocsp-response",
}
#: How many addresses of lists are tried.
_MOST_ADDRESSES = 2


class Revocation:
    """A ``RevocationChecker`` that asks the addresses which the certificates name.

    ``by`` says what has to say good:

    - ``ocsp``: the responder.
    - ``crl``: the list of revoked certificates.
    - ``both``: the two of them. An issuing CA's certificate that names no responder
      is looked up in the list alone, here and with ``ocsp``: roots often have none.
    - ``ocsp-or-crl``: the responder, or the list when the responder gives no
      trustworthy answer. That a certificate is revoked or unknown is an answer.

    The leaf is checked against its issuing CA, and the issuing CA against the root
    where the trust has it, the latter once in ``issuer_lifetime`` for all logins.
    **Without the root only the leaf is checked**: nobody else could have signed an
    answer about the issuing CA, which the service has then chosen to trust as it is.

    Not knowing is a refusal. Whoever is revoked now is refused, whatever time a token
    is judged by: ``clock``, the time now, is what answers are held against.

    - ``cache_folder`` keeps lists across restarts, for several processes if need be;
      None is a private temporary folder for the life of the checker.
    - ``allow_private_addresses`` lets certificates lead into the service's own
      network: for a test CA on this computer.
    - ``proxy`` is the HTTP proxy through which all is asked,
      ``http://[name:password@]host[:port]``; with ``trust_env``, and unless it is
      given, those of ``http_proxy``, ``https_proxy`` and ``no_proxy`` in the
      environment. A proxy resolves names itself, so that no address can be refused
      here: it is asked for ``proxy_hosts`` and the hosts below them alone, unless
      ``allow_private_addresses`` is given.
    - ``require_nonce``: an OCSP answer repeats the 32 octets of its request.
    - ``max_age`` and ``skew``: see ``ocsp.Rules``; lists are allowed the same skew.
    - ``ocsp_timeout`` and ``crl_timeout`` in seconds, for the whole of a fetch;
      ``crl_octets`` is how long a list may be.
    - ``crl_refresh``: a list is used until its nextUpdate; when it was fetched that
      long ago, a newer one is looked for without any login waiting for it.
    - ``resolver`` stands in for the system's name resolution.

    Use it as an asynchronous context manager, or call ``close``. It serves any number
    of logins at once, and belongs to the event loop of the first.
    """

    def __init__(
        self,
        *,
        by: By = "ocsp-or-crl",
        cache_folder: Path | None = None,
        allow_private_addresses: bool = False,
        proxy: str | None = None,
        trust_env: bool = False,
        proxy_hosts: Collection[str] = ("fineid.fi",),
        clock: Callable[[], datetime] = utc_now,
        require_nonce: bool = True,
        max_age: timedelta = timedelta(minutes=2),
        skew: timedelta = timedelta(minutes=15),
        ocsp_timeout: float = 5.0,
        crl_timeout: float = 60.0,
        crl_octets: int = 128 * 1024 * 1024,
        crl_refresh: timedelta = timedelta(hours=1),
        issuer_lifetime: timedelta = timedelta(hours=1),
        resolver: AbstractResolver | None = None,
    ) -> None:
        if by not in get_args(By):
            raise ValueError(f"by is one of {', '.join(get_args(By))}, not {by!r}.")
        self._by = by
        self._error = (
            UserCertificateCRLCheckFailedError
            if by == "crl"
            else UserCertificateOCSPCheckFailedError
        )
        self._clock = clock
        self._rules = ocsp.Rules(require_nonce, max_age, skew)
        self._ocsp_limits = Limits(ocsp_timeout, _OCSP_OCTETS)
        self._issuer_lifetime = issuer_lifetime
        self._fetcher = Fetcher(
            allow_private_addresses=allow_private_addresses,
            resolver=resolver,
            proxies=Proxies(proxy, trust_env=trust_env),
            proxy_hosts=proxy_hosts,
        )
        self._lists = RevocationLists(
            self._fetcher,
            folder=None if cache_folder is None else Path(cache_folder),
            clock=clock,
            skew=skew,
            limits=Limits(crl_timeout, crl_octets),
            refresh=crl_refresh,
        )
        #: Until when an issuing CA counts as checked, by it and its root.
        self._good_issuers: dict[tuple[bytes, bytes], datetime] = {}
        self._issuer_checks: SingleFlight[None] = SingleFlight()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is under way, close connections, remove a private folder."""
        await self._issuer_checks.close()
        await self._lists.close()
        await self._fetcher.close()

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Return when neither leaf nor issuing CA is revoked.

        Raises ``UserCertificateRevokedError``, and without a trustworthy answer
        ``UserCertificateOCSPCheckFailedError`` or
        ``UserCertificateCRLCheckFailedError`` with a ``Reason``, whatever ``at`` is.
        """
        with named(self._error, "the certificates"):
            leaf, issuer = Subject.of(path.leaf), Subject.of(path.issuer)
            root = None if path.root is None else Subject.of(path.root)
        if root is None or root.fingerprint == issuer.fingerprint:
            await self._check(leaf, issuer)
            return
        pair = issuer.fingerprint, root.fingerprint

        async def check_issuer() -> None:
            until = await self._check(issuer, root)
            latest = self._clock() + self._issuer_lifetime
            self._good_issuers[pair] = min(until or latest, latest)

        good_until = self._good_issuers.get(pair)
        if good_until is not None and self._clock() < good_until:
            await self._check(leaf, issuer)
            return
        # Both at the same time.
        issuer_check = self._issuer_checks.start(pair, check_issuer)
        await self._check(leaf, issuer)
        await asyncio.shield(issuer_check)

    async def _check(self, subject: Subject, issuer: Subject) -> datetime | None:
        """Return until when the answers are good, if they say."""
        by = self._by
        if subject.is_ca and by != "ocsp-or-crl" and not _names_responder(subject):
            by = "crl"
        match by:
            case "ocsp":
                return await self._check_ocsp(subject, issuer)
            case "crl":
                return await self._check_crl(subject, issuer)
            case "both":
                one = await self._check_ocsp(subject, issuer)
                other = await self._check_crl(subject, issuer)
                return other if one is None else min(one, other)
        try:
            return await self._check_ocsp(subject, issuer)
        except UserCertificateOCSPCheckFailedError as error:
            if error.reason == Reason.UNKNOWN:
                raise
            return await self._check_crl_instead(subject, issuer, error)

    async def _check_crl_instead(
        self,
        subject: Subject,
        issuer: Subject,
        first: UserCertificateOCSPCheckFailedError,
    ) -> datetime:
        try:
            until = await self._check_crl(subject, issuer)
        except UserCertificateCRLCheckFailedError as error:
            if error.reason == Reason.NO_ADDRESS:
                raise first from None
            raise UserCertificateCRLCheckFailedError(
                f"{error} Before that: {first}", reason=error.reason
            ) from error
        # A certificate that names no responder is as it was meant to be.
        level = logging.DEBUG if first.reason == Reason.NO_ADDRESS else logging.WARNING
        logger.log(level, "%s The list of revoked certificates was used.", first)
        return until

    async def _check_ocsp(self, subject: Subject, issuer: Subject) -> datetime | None:
        with named(UserCertificateOCSPCheckFailedError, _of(subject)):
            address = ocsp_address(subject.certificate)
        host = _of(subject) if address is None else host_of(address)
        with named(UserCertificateOCSPCheckFailedError, host):
            if address is None:
                raise NoAnswerError(
                    Reason.NO_ADDRESS,
                    "the certificate has no http address of a responder; by='crl' "
                    "asks none.",
                )
            nonce = secrets.token_bytes(ocsp.NONCE_OCTETS)
            answer = await self._fetcher.post(
                address,
                ocsp.build_request(subject, issuer, nonce),
                headers=_OCSP_HEADERS,
                limits=self._ocsp_limits,
            )
            verdict = ocsp.judge(
                answer,
                subject=subject,
                issuer=issuer,
                nonce=nonce,
                at=self._clock(),
                rules=self._rules,
            )
            if verdict.unchecked_responder is not None:
                await self._check_responder(
                    verdict.unchecked_responder, subject, issuer
                )
        if verdict.revoked:
            raise _revoked(subject, "OCSP", host)
        return verdict.next_update

    async def _check_responder(
        self, certificate: x509.Certificate, subject: Subject, issuer: Subject
    ) -> None:
        """Check a responder that could be revoked, by the list of its CA.

        OCSP would ask it about itself (RFC 6960 §4.2.2.2.1).
        """
        addresses = crl_addresses(certificate) or crl_addresses(subject.certificate)
        try:
            listed, _ = await self._lists.is_revoked(
                Subject.of(certificate), issuer, addresses=addresses[:_MOST_ADDRESSES]
            )
        except NoAnswerError as error:
            raise NoAnswerError(
                Reason.RESPONDER_NOT_AUTHORISED,
                "the responder's own certificate may be revoked, and the list that "
                f"would say so is not to be had: {error}",
            ) from error
        if listed:
            raise NoAnswerError(
                Reason.RESPONDER_NOT_AUTHORISED,
                "the responder's own certificate has been revoked.",
            )

    async def _check_crl(self, subject: Subject, issuer: Subject) -> datetime:
        with named(UserCertificateCRLCheckFailedError, _of(subject)):
            addresses = crl_addresses(subject.certificate)[:_MOST_ADDRESSES]
        host = host_of(addresses[-1]) if addresses else _of(subject)
        with named(UserCertificateCRLCheckFailedError, host):
            listed, until = await self._lists.is_revoked(
                subject, issuer, addresses=addresses
            )
        if listed:
            raise _revoked(subject, "CRL", host)
        return until


def _names_responder(subject: Subject) -> bool:
    try:
        return ocsp_address(subject.certificate) is not None
    except NoAnswerError:
        return True  # and asking says what is wrong with it


def _of(subject: Subject) -> str:
    """Say whose certificate it is, without a person's name."""
    return "the issuing CA" if subject.is_ca else "the person's certificate"


def _revoked(subject: Subject, what: str, host: str) -> UserCertificateRevokedError:
    whose = "The issuing CA's certificate" if subject.is_ca else "The certificate"
    return UserCertificateRevokedError(f"{whose} has been revoked ({what}, {host}).")
