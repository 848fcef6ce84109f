# SPDX-License-Identifier: MIT
"""Checks revocation by OCSP and by CRL, and combines the answers."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple, Self, get_args

from aiohttp.abc import AbstractResolver
from asn1crypto import x509

from kortilla.clock import utc_now
from kortilla.errors import (
    RevocationCheckFailedError,
    UserCertificateCRLCheckFailedError,
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.proxies import Proxies
from kortilla.revocation import ocsp
from kortilla.revocation.certificates import (
    Subject,
    crl_addresses,
    ocsp_address,
    same_name,
)
from kortilla.revocation.crl import RevocationList
from kortilla.revocation.crl_cache import RevocationLists, SingleFlight
from kortilla.revocation.fetch import Fetcher, Limits, host_of
from kortilla.revocation.interface import (
    Certificate,
    CertificatePath,
    NoAnswerError,
    Reason,
    RevocationStatus,
    Revoked,
    Tally,
    named,
)

logger = logging.getLogger(__name__)

#: What a checker asks: a responder, a list, both, or a list if no responder answers.
By = Literal["ocsp", "crl", "both", "ocsp-or-crl"]

_OCSP_OCTETS = 32 * 1024
_OCSP_HEADERS = {
    "Content-Type": "application/ocsp-request",
    "Accept": "application/ocsp-response",
}
#: How long a check of an issuing CA counts.
_ISSUER_LIFETIME = timedelta(hours=1)
#: How many CRL URLs are tried.
_MOST_ADDRESSES = 2


class _Answer(NamedTuple):
    """A responder's answer, until when it is valid, and the CRL that clears it."""

    encoded: bytes
    until: datetime | None
    about_responder: bytes | None


class Revocation:
    """A ``RevocationChecker`` that uses the URLs in the certificates.

    ``by`` chooses the sources that must report a certificate as good:

    - ``ocsp``: the responder.
    - ``crl``: the CRL.
    - ``both``: both of them. If an issuing CA's certificate names no responder, the
      CRL alone is used, here and with ``ocsp``: roots often run none.
    - ``ocsp-or-crl``: the responder, or the CRL if the responder gives no trustworthy
      answer. "Revoked" and "unknown" are answers.

    The leaf is checked with its issuing CA. If the trust has the root, the issuing CA
    is checked with it, once an hour for all logins. **Without the root
    only the leaf is checked**: only the root could sign an answer about the issuing CA,
    so the service trusts it as it is.

    Without a trustworthy answer the certificate is refused. A certificate that is
    revoked now is refused, even if ``at`` is earlier: answers are compared with
    ``clock``, the current time.

    - ``cache_folder`` keeps CRLs across restarts, and several processes can share it;
      None is a private temporary folder for the life of the checker.
    - ``allow_private_addresses`` permits URLs in the service's own network, for a test
      CA on this computer.
    - ``proxy`` is the HTTP proxy for all requests,
      ``http://[name:password@]host[:port]``. Without it and with ``trust_env``, the
      environment's ``http_proxy``, ``https_proxy`` and ``no_proxy`` are used. A proxy
      resolves names itself, so addresses can't be checked here. It is therefore used
      for ``proxy_hosts`` and their subdomains alone, unless
      ``allow_private_addresses`` is set.
    - ``require_nonce``: an OCSP answer must repeat the nonce of its request.
    - ``max_age`` and ``skew``: see ``ocsp.Rules``; the skew applies to CRLs too.
    - ``timeout``: seconds for a whole check, OCSP and lists at all addresses.
      A CRL's download goes on afterwards, for the next check.
    - ``ocsp_timeout`` and ``crl_timeout``: seconds for one download; ``crl_octets``:
      the longest CRL.
    - ``resolver`` replaces the system's name resolution.

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
        timeout: float = 10.0,
        ocsp_timeout: float = 5.0,
        crl_timeout: float = 60.0,
        crl_octets: int = 128 * 1024 * 1024,
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
        self._tally = Tally(clock)
        self._rules = ocsp.Rules(require_nonce, max_age, skew)
        self._timeout = timeout
        self._ocsp_limits = Limits(ocsp_timeout, _OCSP_OCTETS)
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
        )
        #: Until when the check of an issuing CA is valid, by the CA and its root.
        self._good_issuers: dict[tuple[bytes, bytes], datetime] = {}
        self._issuer_checks: SingleFlight[None] = SingleFlight()

        #: Whether an older CRL is accepted again after a restart.
        self.forgets_lists = cache_folder is None and by != "ocsp"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel running checks, close connections, remove a private folder."""
        await self._issuer_checks.close()
        await self._lists.close()
        await self._fetcher.close()

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Return if neither the leaf nor the issuing CA is revoked. ``at`` is unused.

        Raises ``UserCertificateRevokedError``, and without a trustworthy answer
        ``UserCertificateOCSPCheckFailedError`` or
        ``UserCertificateCRLCheckFailedError`` with a ``Reason``.
        """
        with named(self._error, "the certificates"):
            leaf, issuer = Subject.of(path.leaf), Subject.of_authority(path.issuer)
            root = None if path.root is None else Subject.of_authority(path.root)
        async with self._limited(leaf, issuer):
            issuer_check = None
            if root is not None:
                issuer_check = self._start_issuer_check(issuer, root)
            # Both concurrently.
            await self._check(leaf, issuer)
            if issuer_check is not None:
                await asyncio.shield(issuer_check)

    async def check_issuer(self, issuer: Certificate, root: Certificate) -> None:
        """Return if the issuing CA is not revoked. Asks and raises as ``check``."""
        with named(self._error, "the certificates"):
            subjects = Subject.of_authority(issuer), Subject.of_authority(root)
        check = self._start_issuer_check(*subjects)
        if check is not None:
            async with self._limited(subjects[0]):
                await asyncio.shield(check)

    @asynccontextmanager
    async def _limited(self, *subjects: Subject) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except TimeoutError as error:
            raise self._error(
                f"{', '.join(dict.fromkeys(map(_host, subjects)))}: no trustworthy "
                f"answer within {self._timeout:g} seconds, of all that was asked.",
                reason=Reason.TIMEOUT.value,
            ) from error

    def _start_issuer_check(
        self, issuer: Subject, root: Subject
    ) -> asyncio.Task[None] | None:
        """Start the check of an issuing CA, unless it was found good lately."""
        if root.fingerprint == issuer.fingerprint:
            return None
        pair = issuer.fingerprint, root.fingerprint

        async def check_issuer() -> None:
            until = await self._check(issuer, root)
            latest = self._clock() + _ISSUER_LIFETIME
            self._good_issuers[pair] = min(until or latest, latest)

        good_until = self._good_issuers.get(pair)
        if good_until is not None and self._clock() < good_until:
            return None
        return self._issuer_checks.start(pair, check_issuer)

    def status(self) -> RevocationStatus:
        """Return what is known of the CRLs and sources, without asking anybody."""
        return RevocationStatus(
            self._clock(), self._lists.status(), self._tally.sources()
        )

    async def collect(
        self, certificates: Iterable[Certificate]
    ) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Return OCSP answers and CRLs that show that none is revoked, both in DER.

        They are for keeping in a signature, and are what was verified, byte for byte.
        Each certificate's issuer is among ``certificates``; a root needs no proof. The
        responder is asked first, for each value of ``by``. A CRL of more than 1 MiB is
        left out.

        Raises ``UserCertificateRevokedError``, and ``RevocationCheckFailedError`` if a
        certificate's issuer is missing or there is no trustworthy answer.
        """
        with named(self._error, "the certificates"):
            subjects = [Subject.of(each) for each in certificates]
        answers, lists = [], []
        for subject in subjects:
            if same_name(subject.issuer, subject.name):
                continue
            issuer = _issuer_of(subject, subjects)
            try:
                answer = await self._ask(subject, issuer)
                answers.append(answer.encoded)
                if answer.about_responder is not None:
                    lists.append(answer.about_responder)
            except UserCertificateOCSPCheckFailedError as error:
                if error.reason == Reason.UNKNOWN:
                    raise
                found = await self._check_crl_instead(subject, issuer, error)
                if found.encoded is not None:
                    lists.append(found.encoded)
        return tuple(dict.fromkeys(answers)), tuple(dict.fromkeys(lists))

    async def _check(self, subject: Subject, issuer: Subject) -> datetime | None:
        """Return until when the answers are valid, if they state it."""
        by = self._by
        if subject.is_ca and by != "ocsp-or-crl" and not _names_responder(subject):
            by = "crl"
        match by:
            case "ocsp":
                return await self._check_ocsp(subject, issuer)
            case "crl":
                return (await self._check_crl(subject, issuer)).next_update
            case "both":
                one = await self._check_ocsp(subject, issuer)
                other = (await self._check_crl(subject, issuer)).next_update
                return other if one is None else min(one, other)
        try:
            return await self._check_ocsp(subject, issuer)
        except UserCertificateOCSPCheckFailedError as error:
            if error.reason == Reason.UNKNOWN:
                raise
            found = await self._check_crl_instead(subject, issuer, error)
            return found.next_update

    async def _check_crl_instead(
        self,
        subject: Subject,
        issuer: Subject,
        first: UserCertificateOCSPCheckFailedError,
    ) -> RevocationList:
        try:
            found = await self._check_crl(subject, issuer)
        except UserCertificateCRLCheckFailedError as error:
            if error.reason == Reason.NO_ADDRESS:
                raise first from None
            raise UserCertificateCRLCheckFailedError(
                f"{error} Before that: {first}", reason=error.reason
            ) from error
        # Its issuer runs no responder.
        level = logging.DEBUG if first.reason == Reason.NO_ADDRESS else logging.WARNING
        logger.log(level, "%s The list of revoked certificates was used.", first)
        return found

    async def _check_ocsp(self, subject: Subject, issuer: Subject) -> datetime | None:
        return (await self._ask(subject, issuer)).until

    async def _ask(self, subject: Subject, issuer: Subject) -> _Answer:
        """Return the responder's answer."""
        about_responder = None
        with named(UserCertificateOCSPCheckFailedError, _of(subject)):
            address = ocsp_address(subject)
        host = _of(subject) if address is None else host_of(address)
        with named(UserCertificateOCSPCheckFailedError, host):
            if address is None:
                raise NoAnswerError(
                    Reason.NO_ADDRESS,
                    "the certificate has no http address of a responder; by='crl' "
                    "asks none.",
                )
            nonce = secrets.token_bytes(ocsp.NONCE_OCTETS)
            with self._tally.asking("ocsp", host):
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
                    about_responder = await self._check_responder(
                        verdict.unchecked_responder, subject, issuer
                    )
        if verdict.revoked:
            raise _revoked(subject, "OCSP", host, verdict.revoked)
        return _Answer(answer, verdict.next_update, about_responder)

    async def _check_responder(
        self, certificate: x509.Certificate, subject: Subject, issuer: Subject
    ) -> bytes | None:
        """Check a responder's certificate that could be revoked, by the CRL of its CA.

        Return the CRL, unless it is too long to be kept. OCSP would ask the responder
        about itself (RFC 6960 §4.2.2.2.1).
        """
        responder = Subject.of(certificate)
        addresses = crl_addresses(responder) or crl_addresses(subject)
        try:
            found = await self._lists.find(
                responder, issuer, addresses=addresses[:_MOST_ADDRESSES]
            )
        except NoAnswerError as error:
            raise NoAnswerError(
                Reason.RESPONDER_NOT_AUTHORISED,
                "the responder's own certificate may be revoked, and the list that "
                f"would say so is not to be had: {error}",
            ) from error
        if found.lists(responder.serial):
            raise NoAnswerError(
                Reason.RESPONDER_NOT_AUTHORISED,
                "the responder's own certificate has been revoked.",
            )
        return found.encoded

    async def _check_crl(self, subject: Subject, issuer: Subject) -> RevocationList:
        with named(UserCertificateCRLCheckFailedError, _of(subject)):
            addresses = crl_addresses(subject)[:_MOST_ADDRESSES]
        host = host_of(addresses[-1]) if addresses else _of(subject)
        with (
            named(UserCertificateCRLCheckFailedError, host),
            self._tally.asking("crl", host),
        ):
            found = await self._lists.find(subject, issuer, addresses=addresses)
        if found.lists(subject.serial):
            raise _revoked(subject, "CRL", host, found.revoked(subject.serial))
        with named(UserCertificateCRLCheckFailedError, host):
            subject.check_still_known(found.this_update, since=found.expired_since)
        return found


def _issuer_of(subject: Subject, others: Iterable[Subject]) -> Subject:
    wanted = subject.certificate.authority_key_identifier
    for other in others:
        own = other.certificate.key_identifier
        if same_name(subject.issuer, other.name) and (
            wanted is None or own is None or own == wanted
        ):
            return other
    raise RevocationCheckFailedError(
        "An issuer is missing among the certificates.", reason=Reason.WRONG_ISSUER.value
    )


def _names_responder(subject: Subject) -> bool:
    try:
        return ocsp_address(subject) is not None
    except NoAnswerError:
        return True  # and asking says what is wrong with it


def _host(subject: Subject) -> str:
    try:
        address = ocsp_address(subject) or crl_addresses(subject)[0]
    except (NoAnswerError, IndexError):
        return _of(subject)
    return host_of(address)


def _of(subject: Subject) -> str:
    """Return words for the certificate's owner, without a person's name."""
    return "the issuing CA" if subject.is_ca else "the person's certificate"


def _revoked(
    subject: Subject, what: str, host: str, revoked: Revoked
) -> UserCertificateRevokedError:
    whose = "The issuing CA's certificate" if subject.is_ca else "The certificate"
    return UserCertificateRevokedError(
        f"{whose} has been revoked ({what}, {host}).",
        since=revoked.since,
        keeps_timestamps=revoked.keeps_timestamps,
    )
