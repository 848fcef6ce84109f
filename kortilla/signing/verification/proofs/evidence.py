# SPDX-License-Identifier: MIT
"""What the revocation data that a file keeps say of a certificate at a proven time.

The code of ``kortilla.revocation`` decides, as it does for answers from the network.
Only the times differ: an answer must have been current at the proven time, or be from
later. A card may have been reported lost after an older one.
"""

import functools
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from asn1crypto import x509

from kortilla.revocation import crl, ocsp
from kortilla.revocation.certificates import MOST_NAME_OCTETS, Subject, crl_addresses
from kortilla.revocation.interface import NoAnswerError, Reason, Revoked
from kortilla.revocation.signatures import is_issued_by
from kortilla.signing.trust_lists.authorities import read_subject
from kortilla.signing.verification.findings import Finding, Kept, Stamp
from kortilla.signing.verification.report import Level
from kortilla.validation.leaf import read_leaf
from kortilla.validation.trust import Trust

_RULES = ocsp.Rules(require_nonce=False)
_SKEW_SECONDS = _RULES.skew.total_seconds()
#: The most certificates of a file, and the longest chain, that are looked at.
_MAX_CERTIFICATES, _MAX_CHAIN = 50, 6
_LEVELS: tuple[Level, ...] = ("B-B", "B-T", "B-LT", "B-LTA")
_ALWAYS = datetime.min.replace(tzinfo=UTC)

#: Seconds of processor time for the data of one file.
MOST_SECONDS = 10.0


@dataclass
class Reading:
    """What all evidence of one file shares.

    ``lists`` are CRLs that were read, by their bytes and their issuer; None is one of
    no use. ``left`` are the seconds of processor time that are left.
    """

    lists: dict[tuple[bytes, bytes], crl.RevocationList | None] = field(
        default_factory=dict
    )
    left: float = field(default_factory=lambda: MOST_SECONDS)

    @property
    def is_over(self) -> bool:
        """Whether the time is used up. No data say anything from then on."""
        return self.left <= 0

    @contextmanager
    def timed(self) -> Iterator[None]:
        begin = time.thread_time()
        try:
            yield
        finally:
            self.left -= time.thread_time() - begin

    def in_time(self, items: Iterable[bytes]) -> Iterator[bytes]:
        """Yield each item once, as long as there is time for it."""
        for each in dict.fromkeys(items):
            if self.is_over:
                return
            with self.timed():
                yield each


@dataclass(frozen=True)
class Status:
    """``good``: an answer says that it was not revoked. ``revoked_at``: one says when.

    ``void_at``: one says so for a reason for which timestamps from before fall.
    A certificate may be good at the proven time, and revoked at a later one.
    """

    good: bool = False
    revoked_at: datetime | None = None
    void_at: datetime | None = None

    def was_void(self, time: datetime, *, at: datetime) -> bool:
        """Return whether, by ``at``, a timestamp of ``time`` by it had fallen."""
        return self.was_revoked(time) or (
            self.void_at is not None and self.void_at <= at
        )

    def was_revoked(self, at: datetime) -> bool:
        """Return whether it had been revoked by a time."""
        return self.revoked_at is not None and self.revoked_at <= at

    def was_good(self, at: datetime) -> bool:
        """Return whether an answer shows that it was not revoked at a time."""
        return (self.good or self.revoked_at is not None) and not self.was_revoked(at)


class Evidence:
    """The data that a file keeps, seen at the time of verifying ``at``."""

    def __init__(
        self, kept: Iterable[Kept], *, at: datetime, reading: Reading | None = None
    ) -> None:
        self._kept, self._at = list(kept), at
        self.reading = Reading() if reading is None else reading

    def stamped_by(self, number: int) -> "Evidence":
        """Return the part that a timestamp of the file is of, too."""
        kept = [
            each
            for each in self._kept
            if each.stamped_by is not None and each.stamped_by <= number
        ]
        return Evidence(kept, at=self._at, reading=self.reading)

    def certificates(self) -> list[Subject]:
        """Return the certificates that are CAs', as far as they can be read."""
        every = (der for each in self._kept for der in each.certificates)
        return read_authorities(self.reading.in_time(every))

    def about_signer(
        self, certificate: bytes, trust: Trust, *, since: datetime
    ) -> Status:
        """Return what is said of a signer and the CAs above that trust has."""
        issuer = trust.issuer_of(read_leaf(certificate))
        if issuer is None:
            return Status()
        chain = [read_subject(certificate), Subject.of_authority(issuer.certificate)]
        if issuer.root is not None and issuer.root.sha256 != issuer.certificate.sha256:
            chain.append(Subject.of_authority(issuer.root))
        return self.about_chain(chain, since=since)

    def about_chain(self, chain: Sequence[Subject], *, since: datetime) -> Status:
        """Return what is said of a signer and the CAs above, but not of the last one.

        It is good if all of them are, and revoked if one of them is.
        """
        said = [
            self.about(each, above, since=since, person=each is chain[0])
            for each, above in pairwise(chain)
        ]
        date = min(
            (each.revoked_at for each in said if each.revoked_at is not None),
            default=None,
        )
        good = all(each.was_good(since) for each in said)
        revoked = any(each.was_revoked(since) for each in said)
        return Status(good, date) if good or revoked else Status()

    def about(
        self,
        subject: Subject,
        issuer: Subject,
        *,
        since: datetime,
        person: bool = False,
    ) -> Status:
        """Return what is said of a certificate, of ``since`` or later.

        A CRL of a ``person``'s certificate must also be from then or later. One of a
        CA's or service's must only have been valid then, as from the network.
        """
        good, found = False, list[Revoked]()
        responses = (r for kept in self._kept for r in kept.ocsp_responses)
        for response in self.reading.in_time(responses):
            try:
                answer = ocsp.judge_kept(
                    response,
                    subject=subject,
                    issuer=issuer,
                    since=since,
                    at=self._at,
                    rules=_RULES,
                )
            except NoAnswerError:
                continue
            if not self._is_sound(answer, subject, issuer):
                continue
            if answer.revoked is not None:
                found.append(answer.revoked)
            else:
                good = True
        for each in self._current(subject, issuer, since):
            if each.lists(subject.serial):
                found.append(each.revoked(subject.serial))
                continue
            try:
                subject.check_still_known(each.this_update, since=each.expired_since)
            except NoAnswerError:
                continue
            good |= not person or each.this_update >= since - _RULES.max_age
        every, void = (
            min((each.since or _ALWAYS for each in part), default=None)
            for part in (found, [e for e in found if not e.keeps_timestamps])
        )
        return Status(good, every, void)

    def _is_sound(
        self, found: ocsp.Response, subject: Subject, issuer: Subject
    ) -> bool:
        """Return whether the responder's own certificate was not revoked."""
        if found.unchecked_responder is None:
            return True
        responder = Subject.of(found.unchecked_responder)
        addresses = crl_addresses(responder) or crl_addresses(subject)
        lists = self._current(responder, issuer, found.produced_at, addresses)
        return bool(lists) and not any(each.lists(responder.serial) for each in lists)

    def _current(
        self,
        subject: Subject,
        issuer: Subject,
        since: datetime,
        addresses: tuple[str, ...] | None = None,
    ) -> list[crl.RevocationList]:
        """Return the CRLs for a certificate that were valid at a time, or are later."""
        found = []
        lists = (each for kept in self._kept for each in kept.crls)
        for content in self.reading.in_time(lists):
            each = self._read(content, issuer)
            if each is None:
                continue
            try:
                places = crl_addresses(subject) if addresses is None else addresses
                each.check_covers(subject, places)
                each.check_times(self._at, skew_seconds=_SKEW_SECONDS, since=since)
            except NoAnswerError:
                continue
            if issuer.is_valid(each.this_update):
                found.append(each)
        return found

    def _read(self, content: bytes, issuer: Subject) -> crl.RevocationList | None:
        key, lists = (content, issuer.fingerprint), self.reading.lists
        if key not in lists:
            try:
                lists[key] = crl.parse(content, issuer=issuer)
            except NoAnswerError:
                lists[key] = None
        return lists[key]

    def covers(
        self, chain: Sequence[Subject], since: datetime, *, person: bool
    ) -> bool:
        """Return whether each of a chain but its last is shown to be good."""
        try:
            return all(
                self.about(
                    subject, issuer, since=since, person=person and subject is chain[0]
                ).was_good(since)
                for subject, issuer in pairwise(chain)
            )
        except Exception:
            # These may be anybody's certificates, and asn1crypto raises any exception.
            return False


def read_authorities(certificates: Iterable[bytes]) -> list[Subject]:
    """Read the certificates (DER) of CAs. Others are left out."""
    found = []
    for each in itertools.islice(certificates, _MAX_CERTIFICATES):
        try:
            subject = read_subject(each)
        except NoAnswerError:
            continue
        if subject.is_ca:
            found.append(subject)
    return found


@functools.lru_cache(maxsize=4096)
def _prepared(name: bytes) -> str | bytes:
    """Return a name in DER as text that is the same for equal names.

    One that is too long or odd equals only itself, as in ``same_name``.
    """
    if len(name) > MOST_NAME_OCTETS:
        return name
    try:
        return str(x509.Name.load(name).hashable)
    except Exception:  # of asn1crypto, any
        return name


def is_same_authority(one: Subject, other: Subject) -> bool:
    """Return whether two certificates have the same name and key (RFC 5280 §6.1.1)."""
    same_key = one.key_bits == other.key_bits
    return same_key and _prepared(one.name) == _prepared(other.name)


def chain_of(
    subject: Subject, others: Sequence[Subject], anchors: Sequence[Subject] = ()
) -> list[Subject]:
    """Return a certificate and those above it, each of which has signed the one below.

    The last one is one of ``anchors`` if a chain leads there; otherwise it is the last
    that is known. Only names and signatures are looked at.
    """
    trusted = {each.fingerprint for each in anchors}
    named: dict[str | bytes, dict[bytes, Subject]] = {}
    for each in (*others, *anchors):
        named.setdefault(_prepared(each.name), {})[each.fingerprint] = each
    longest = [subject]
    waiting, seen = [longest], {subject.fingerprint}
    while waiting:
        chain = waiting.pop(0)
        if chain[-1].fingerprint in trusted:
            return chain
        if len(chain) > len(longest):
            longest = chain
        for each in named.get(_prepared(chain[-1].issuer), {}).values():
            if (
                each.fingerprint not in seen
                and len(chain) < _MAX_CHAIN
                and is_issued_by(_encoded(chain[-1].certificate), each.spki)
            ):
                seen.add(each.fingerprint)
                waiting.append([*chain, each])
    return longest


def _encoded(certificate: x509.Certificate) -> bytes:
    return bytes(certificate.dump())


def _to_its_end(chain: Sequence[Subject], known: Sequence[Subject]) -> list[Subject]:
    """Return a chain up to its last certificate that needs no proof itself.

    That is a root, or one of ``known``, such as a CA of a trusted list. Raises
    ``NoAnswerError`` if there is none: more data would be needed.
    """
    ends = {each.fingerprint for each in known}
    for number in range(len(chain), 0, -1):
        last = chain[number - 1]
        if last.fingerprint in ends or last.name == last.issuer:
            return [*chain[:number]]
    raise NoAnswerError(Reason.WRONG_ISSUER, "the CA's issuer is not known.")


def level_of(
    finding: Finding,
    timestamps: Sequence[Stamp],
    evidence: Evidence,
    known: Sequence[Subject],
) -> Level:
    """Return the level of a signature: the highest of which all data verify.

    Nobody need be trusted for it: data of unknown authorities count too.
    ``timestamps`` are all of ``Findings``. ``known`` are CAs that the file may lack.
    """
    if not finding.intact:
        return "none"
    own = [each for each in finding.stamps if each.intact]
    archive = [each for each in finding.archive if timestamps[each].intact]
    # The last archive timestamp is of the most.
    parts = [evidence]
    if archive and own:
        parts.append(evidence.stamped_by(archive[-1]))
    stamps = own or [timestamps[each] for each in archive[:1]]
    levels = [_level_by(each, finding, parts, known) for each in stamps]
    return max(levels, default="B-B", key=_LEVELS.index)


def _level_by(
    stamp: Stamp, finding: Finding, parts: Sequence[Evidence], known: Sequence[Subject]
) -> Level:
    """Return the level by one timestamp, and all data and those that were archived."""
    evidence = parts[0]
    if stamp.time is None:
        return "B-B"
    try:
        certificates = [finding.certificate or b"", stamp.certificates[0]]
        others = [*known, *evidence.certificates()]
        others += read_authorities(stamp.certificates[1:])
        with evidence.reading.timed():
            chains = [
                _to_its_end(chain_of(read_subject(each), others), known)
                for each in certificates
            ]
    except (NoAnswerError, IndexError):
        return "B-T"
    complete = [
        all(
            each.covers(chain, stamp.time, person=chain is chains[0])
            for chain in chains
        )
        for each in parts
    ]
    if complete == [True, True]:
        return "B-LTA"
    return "B-LT" if complete[0] else "B-T"
