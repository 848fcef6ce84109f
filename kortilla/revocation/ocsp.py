# SPDX-License-Identifier: MIT
"""OCSP requests and the validation of answers (RFC 6960, nonces by RFC 9654).

CertID uses SHA-1, the only hash that every responder knows (RFC 6960 §4.3); it is an
identifier, not a proof. Signatures with SHA-1 are refused.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import core, x509
from cryptography.x509 import ReasonFlags
from cryptography.x509.ocsp import (
    OCSPCertStatus,
    OCSPSingleResponse,
    load_der_ocsp_response,
)

from kortilla.revocation import der
from kortilla.revocation.certificates import Subject, same_name
from kortilla.revocation.interface import NoAnswerError, Reason, Revoked
from kortilla.revocation.signatures import is_issued_by, verify

#: RFC 9654 §2.1: clients send 32 octets.
NONCE_OCTETS = 32
_MOST_CERTIFICATES, _MOST_CERTIFICATE_OCTETS = 8, 8 * 1024

_SHA1 = bytes.fromhex("300906052B0E03021A0500")
_NONCE_OID = bytes.fromhex("06092B0601050507300102")
_NO_CHECK = bytes.fromhex("06092B0601050507300105")
_ARCHIVE_CUTOFF = bytes.fromhex("06092B0601050507300106")
_INVALIDITY_DATE = bytes.fromhex("0603551D18")  # a CRL's (RFC 6960 §4.4.5)
_TIMES = {_ARCHIVE_CUTOFF, _INVALIDITY_DATE}
_BASIC_RESPONSE = bytes.fromhex("06092B0601050507300101")
#: ecdsa-with-SHA256, and an empty signature.
_ANY_SIGNATURE = bytes.fromhex("300A06082A8648CE3D040302 030100")
_SUCCESSFUL, _VERSION_1 = bytes.fromhex("0A0100"), bytes.fromhex("A003020100")
#: What may be critical in a responder's certificate (RFC 5280 §4.2).
_KNOWN_CRITICAL = {
    "basic_constraints",
    "certificate_policies",
    "extended_key_usage",
    "key_usage",
    "ocsp_no_check",
    "subject_alt_name",
}
_KEEPING = {
    ReasonFlags.unspecified,
    ReasonFlags.affiliation_changed,
    ReasonFlags.superseded,
    ReasonFlags.cessation_of_operation,
}
_FAILURES = {
    1: "malformed request",
    2: "internal error",
    3: "try later",
    5: "sign required",
    6: "unauthorized",
}


@dataclass(frozen=True)
class Rules:
    """The requirements for an answer, with the semantics of the Web eID validators.

    ``thisUpdate`` lies between ``max_age`` ago and ``skew`` from now (the skew does not
    extend the age). ``nextUpdate``, if present, is no earlier than ``skew`` ago.
    """

    require_nonce: bool = True
    max_age: timedelta = timedelta(minutes=2)
    skew: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class Response:
    """The answer of a trustworthy responder.

    ``unchecked_responder`` is the responder's certificate if its revocation must be
    checked, because it lacks id-pkix-ocsp-nocheck.
    """

    revoked: Revoked | None
    produced_at: datetime
    next_update: datetime | None
    unchecked_responder: x509.Certificate | None


@dataclass(frozen=True)
class _Envelope:
    """An answer, parsed as far as verifying the signature needs."""

    part: der.SignedPart
    responder_name: bytes | None
    responder_key_hash: bytes | None
    certificates: tuple[bytes, ...]


@dataclass(frozen=True)
class _Content:
    """The signed data: a status for each certificate, and what else counts.

    ``more`` belongs to ``singles``: the times in their extensions, by OID. The answer
    also knows certificates that have expired since archiveCutoff (RFC 6960 §4.4.4).
    """

    produced_at: datetime
    singles: tuple[OCSPSingleResponse, ...]
    more: tuple[Mapping[bytes, datetime], ...]
    nonce: bytes | None
    unknown_critical: bool


def _cert_id(
    subject: Subject, issuer: Subject, function: str = "sha1"
) -> tuple[bytes, bytes, int]:
    name_hash, key_hash = (
        hashlib.new(function, each, usedforsecurity=False).digest()
        for each in (subject.issuer, issuer.key_bits)
    )
    return name_hash, key_hash, subject.serial


def build_request(subject: Subject, issuer: Subject, nonce: bytes) -> bytes:
    """Return the DER of a request for one certificate, faster than asn1crypto."""
    name_hash, key_hash, serial = _cert_id(subject, issuer)
    cert_id = _sequence(
        _SHA1,
        der.encode(der.OCTET_STRING, name_hash),
        der.encode(der.OCTET_STRING, key_hash),
        der.encode(der.INTEGER, der.integer(serial)),
    )
    value = der.encode(der.OCTET_STRING, _nonce_value(nonce))
    extensions = der.encode(0xA2, _sequence(_sequence(_NONCE_OID, value)))
    requests = _sequence(_sequence(cert_id))
    return _sequence(_sequence(requests, extensions))


def _sequence(*parts: bytes) -> bytes:
    return der.encode(der.SEQUENCE, *parts)


def _nonce_value(nonce: bytes) -> bytes:
    """Return the extension's value, an OCTET STRING in itself (RFC 9654 §2.1)."""
    return der.encode(der.OCTET_STRING, nonce)


def judge(
    answer: bytes,
    *,
    subject: Subject,
    issuer: Subject,
    nonce: bytes,
    at: datetime,
    rules: Rules,
) -> Response:
    """Validate the answer to a request. Raises ``NoAnswerError``."""
    with _parsing():
        envelope = _open(answer)
    # The signature is verified first: without a known signer no more is parsed.
    responder = _find_responder(envelope, issuer, at)
    content = _content(envelope)
    _check_nonce(content, nonce, rules)
    single, more = _about(content, subject, issuer, {"sha1"})
    _check_times(content.produced_at, single, at, at, rules)
    return _response(content, single, more, subject, responder)


def judge_kept(
    answer: bytes,
    *,
    subject: Subject,
    issuer: Subject,
    since: datetime,
    at: datetime,
    rules: Rules,
) -> Response:
    """Validate an answer that somebody kept. Raises ``NoAnswerError``.

    It must have been current at ``since``, or be from later, until ``at``. Its signer
    must have been valid when it was produced. The nonce is not known, and any will do.
    """
    with _parsing():
        envelope = _open(answer)
        produced_at = _produced_at(envelope.part.signed)
    responder = _find_responder(envelope, issuer, produced_at)
    content = _content(envelope)
    if not issuer.is_valid(content.produced_at):
        raise NoAnswerError(
            Reason.RESPONDER_NOT_AUTHORISED, "the CA was not valid at that time."
        )
    single, more = _about(
        content, subject, issuer, {"sha1", "sha256", "sha384", "sha512"}
    )
    _check_times(content.produced_at, single, since, at, rules)
    return _response(content, single, more, subject, responder)


def _content(envelope: _Envelope) -> _Content:
    with _parsing():
        content = _read(envelope.part.signed)
    if content.unknown_critical:
        raise NoAnswerError(
            Reason.CRITICAL_EXTENSION, "the answer has an extension that must be known."
        )
    return content


def _response(
    content: _Content,
    single: OCSPSingleResponse,
    more: Mapping[bytes, datetime],
    subject: Subject,
    responder: x509.Certificate | None,
) -> Response:
    if single.certificate_status is OCSPCertStatus.UNKNOWN:
        raise NoAnswerError(
            Reason.UNKNOWN, "the responder does not know the certificate."
        )
    revoked = None
    if single.certificate_status is OCSPCertStatus.GOOD:
        known_since = more.get(_ARCHIVE_CUTOFF)
        subject.check_still_known(single.this_update_utc, since=known_since)
    else:
        dates = (single.revocation_time_utc, more.get(_INVALIDITY_DATE))
        revoked = Revoked(
            min((each for each in dates if each is not None), default=None),
            single.revocation_reason in _KEEPING,
        )
    return Response(
        revoked,
        content.produced_at,
        single.next_update_utc,
        responder,
    )


@contextmanager
def _parsing() -> Iterator[None]:
    try:
        yield
    except NoAnswerError:
        raise
    except Exception as error:
        # The libraries raise undocumented exceptions on odd input.
        raise NoAnswerError(
            Reason.NOT_OCSP, "what came is not an OCSP answer; is it a portal's page?"
        ) from error


def _open(answer: bytes) -> _Envelope:
    status, *rest = der.children(der.only(answer))
    if status.whole != _SUCCESSFUL:
        words = _FAILURES[status.value[0]]
        raise NoAnswerError(Reason.UNSUCCESSFUL, f"the responder says {words}.")
    [tagged] = rest
    kind, octets = der.children(_tagged(tagged))
    if kind.whole != _BASIC_RESPONSE or octets.tag != der.OCTET_STRING:
        raise der.MalformedError("another kind of answer")
    part = der.SignedPart.parse(octets.value)
    certificates: list[bytes] = []
    if part.rest:
        [tagged] = part.rest
        certificates = [
            each.whole
            for each in der.children(_tagged(tagged))
            if each.end - each.start <= _MOST_CERTIFICATE_OCTETS
        ]
    name, key_hash = _read_responder_id(part.signed)
    return _Envelope(part, name, key_hash, tuple(certificates[:_MOST_CERTIFICATES]))


def _tagged(tagged: der.Element) -> der.Element:
    """Return the SEQUENCE with the explicit tag 0."""
    [sequence] = der.children(tagged)
    if tagged.tag != 0xA0 or sequence.tag != der.SEQUENCE:
        raise der.MalformedError("not a sequence where one should be")
    return sequence


def _read_responder_id(signed: der.Element) -> tuple[bytes | None, bytes | None]:
    responder = _fields(signed)[0]
    [inner] = der.children(responder)
    if responder.tag == 0xA1:
        return inner.whole, None
    if responder.tag == 0xA2 and inner.tag == der.OCTET_STRING:
        return None, inner.value
    raise der.MalformedError("no responder")


def _fields(signed: der.Element) -> list[der.Element]:
    """Return the fields of ResponseData without the version, which is 1."""
    fields = list(der.children(signed))
    return fields[1:] if fields[0].whole == _VERSION_1 else fields


def _produced_at(signed: der.Element) -> datetime:
    return _time(_fields(signed)[1].whole)


def _time(encoded: bytes) -> datetime:
    value: datetime = core.GeneralizedTime.load(encoded, strict=True).native
    if value.tzinfo is None:
        raise der.MalformedError("a time without its zone")
    return value


def _read(signed: der.Element) -> _Content:
    """Read the signed part, by ``cryptography``.

    That reads whole answers alone, and refuses the defects of FINEID's certificates. So
    it gets one with another signature, and without certificates and extensions.
    """
    responder, produced_at, singles, *optional = _fields(signed)
    part = _sequence(responder.whole, produced_at.whole, singles.whole)
    octets = der.encode(der.OCTET_STRING, _sequence(part, _ANY_SIGNATURE))
    answer = der.encode(0xA0, _sequence(_BASIC_RESPONSE, octets))
    response = load_der_ocsp_response(_sequence(_SUCCESSFUL, answer))
    values, unknown = _read_extensions(optional)
    more = []
    for single in der.children(singles):
        _, _, _, *optional = der.children(single)
        found, odd = _read_extensions(optional)
        unknown = unknown or odd
        more.append({oid: _time(found[oid]) for oid in found.keys() & _TIMES})
    return _Content(
        response.produced_at_utc,
        tuple(response.responses),
        tuple(more),
        values.get(_NONCE_OID),
        unknown,
    )


def _read_extensions(optional: list[der.Element]) -> tuple[dict[bytes, bytes], bool]:
    """Return the values by OID, and whether there is an unknown critical one."""
    found = [
        extension
        for tagged in optional
        if tagged.tag == 0xA1
        for parent in der.children(tagged)
        for extension in map(der.extension, der.children(parent))
    ]
    values = {oid: value for oid, _, value in found}
    if len(values) != len(found):
        raise der.MalformedError("an extension twice")
    known = {_NONCE_OID, *_TIMES}
    return values, any(critical and oid not in known for oid, critical, _ in found)


def _about(
    content: _Content, subject: Subject, issuer: Subject, functions: Collection[str]
) -> tuple[OCSPSingleResponse, Mapping[bytes, datetime]]:
    """Return the only status of a certificate, and the times in its extensions.

    ``functions`` are the hash functions that may name its issuer.
    """
    wanted = {each: _cert_id(subject, issuer, each) for each in functions}
    with _parsing():
        matching = [
            (each, more)
            for each, more in zip(content.singles, content.more, strict=True)
            if wanted.get(each.hash_algorithm.name)
            == (each.issuer_name_hash, each.issuer_key_hash, each.serial_number)
        ]
    if len(matching) != 1:
        raise NoAnswerError(
            Reason.WRONG_CERTIFICATE, "the answer is not about what was asked."
        )
    return matching[0]


def _check_nonce(response: _Content, nonce: bytes, rules: Rules) -> None:
    if response.nonce is None:
        if rules.require_nonce:
            raise NoAnswerError(
                Reason.NONCE_MISSING,
                "the answer lacks the nonce that was sent; a responder that can't "
                "do it takes require_nonce=False.",
            )
        return
    if response.nonce != _nonce_value(nonce):
        raise NoAnswerError(
            Reason.NONCE_MISMATCH, "the answer is one to another request, a replay."
        )


def _check_times(
    produced_at: datetime,
    single: OCSPSingleResponse,
    since: datetime,
    at: datetime,
    rules: Rules,
) -> None:
    """Check that an answer was current at ``since``, or is from later, until ``at``."""
    latest = at + rules.skew
    if single.this_update_utc > latest or produced_at > latest:
        raise NoAnswerError(
            Reason.FROM_THE_FUTURE,
            "the answer is from the future; are both clocks right?",
        )
    if single.this_update_utc < since - rules.max_age:
        raise NoAnswerError(
            Reason.TOO_OLD,
            f"the answer is more than {rules.max_age.total_seconds():g} seconds old; "
            "are both clocks right?",
        )
    if produced_at < single.this_update_utc - rules.skew:
        raise NoAnswerError(
            Reason.NOT_OCSP, "the answer is older than what it tells of."
        )
    following = single.next_update_utc
    if following is not None and (
        following < since - rules.skew or following < single.this_update_utc
    ):
        raise NoAnswerError(Reason.EXPIRED, "the answer has expired.")


def _find_responder(
    envelope: _Envelope, issuer: Subject, at: datetime
) -> x509.Certificate | None:
    """Verify that the CA or its authorised responder signed (RFC 6960 §4.2.2.2).

    Return the responder's certificate if its revocation must be checked.
    """
    fault = NoAnswerError(
        Reason.RESPONDER_NOT_AUTHORISED,
        "the answer is signed neither by the CA nor by a responder that the CA has "
        "authorised.",
    )
    with _parsing():
        is_ca = _is_named(envelope, issuer)
    if is_ca:
        try:
            _verify(envelope, issuer)
        except NoAnswerError as error:
            fault = error
        else:
            return None
    for encoded in envelope.certificates:
        try:
            certificate = x509.Certificate.load(encoded, strict=True)
            responder = Subject.of(certificate, encoded)
            named = _is_named(envelope, responder)
            authorised = named and _is_authorised(responder, encoded, issuer, at)
        except Exception:  # noqa: S112 - anything may be in there; see _parsing()
            continue
        if authorised:
            _verify(envelope, responder)
            return None if _NO_CHECK in responder.extensions else certificate
    raise fault


def _verify(envelope: _Envelope, signer: Subject) -> None:
    part = envelope.part
    verify(signer.spki, part.algorithm, part.signature, memoryview(part.signed.whole))


def _is_named(envelope: _Envelope, signer: Subject) -> bool:
    if envelope.responder_name is not None:
        return same_name(envelope.responder_name, signer.name)
    return envelope.responder_key_hash == signer.key_hash


def _is_authorised(
    responder: Subject, encoded: bytes, issuer: Subject, at: datetime
) -> bool:
    certificate = responder.certificate
    extended, usage = certificate.extended_key_usage_value, certificate.key_usage_value
    return (
        same_name(responder.issuer, issuer.name)
        and responder.is_valid(at)
        and extended is not None
        and "ocsp_signing" in extended.native
        and certificate.critical_extensions <= _KNOWN_CRITICAL
        and (usage is None or "digital_signature" in usage.native)
        and is_issued_by(encoded, issuer.spki)
    )
