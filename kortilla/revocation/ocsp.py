# SPDX-License-Identifier: MIT
"""OCSP requests and the validation of answers (RFC 6960, nonces by RFC 9654).

CertID uses SHA-1, the only hash that every responder knows (RFC 6960 §4.3); it is an
identifier, not a proof. Signatures with SHA-1 are refused.
"""

import functools
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import ocsp, x509

from kortilla.revocation import der
from kortilla.revocation.certificates import Subject, same_name
from kortilla.revocation.interface import NoAnswerError, Reason
from kortilla.revocation.signatures import verify

#: RFC 9654 §2.1: clients send 32 octets.
NONCE_OCTETS = 32
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_NO_CHECK = "1.3.6.1.5.5.7.48.1.5"
_MOST_CERTIFICATES, _MOST_CERTIFICATE_OCTETS = 8, 8 * 1024

_SHA1 = bytes.fromhex("300906052B0E03021A0500")
_NONCE_OID = bytes.fromhex("06092B0601050507300102")


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

    revoked: bool
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
class _Single:
    """The status of one certificate."""

    cert_id: tuple[str, bytes, bytes, int]
    status: str
    this_update: datetime
    next_update: datetime | None


@dataclass(frozen=True)
class _Content:
    """The signed data."""

    produced_at: datetime
    singles: tuple[_Single, ...]
    nonce: bytes | None
    unknown_critical: bool


def _cert_id(subject: Subject, issuer: Subject) -> tuple[str, bytes, bytes, int]:
    name_hash = hashlib.sha1(subject.issuer, usedforsecurity=False).digest()
    return "sha1", name_hash, issuer.key_hash, subject.serial


def build_request(subject: Subject, issuer: Subject, nonce: bytes) -> bytes:
    """Return the DER of a request for one certificate, faster than asn1crypto."""
    _, name_hash, key_hash, serial = _cert_id(subject, issuer)
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
    with _parsing():
        response = _read(envelope.part.signed)
    if response.unknown_critical:
        raise NoAnswerError(
            Reason.CRITICAL_EXTENSION, "the answer has an extension that must be known."
        )
    _check_nonce(response, nonce, rules)
    wanted = _cert_id(subject, issuer)
    matching = [each for each in response.singles if each.cert_id == wanted]
    if len(matching) != 1:
        raise NoAnswerError(
            Reason.WRONG_CERTIFICATE, "the answer is not about what was asked."
        )
    [single] = matching
    _check_times(response.produced_at, single, at, rules)
    if single.status == "unknown":
        raise NoAnswerError(
            Reason.UNKNOWN, "the responder does not know the certificate."
        )
    return Response(single.status != "good", single.next_update, responder)


@contextmanager
def _parsing() -> Iterator[None]:
    try:
        yield
    except NoAnswerError:
        raise
    except Exception as error:
        # asn1crypto raises undocumented exceptions on odd input.
        raise NoAnswerError(
            Reason.NOT_OCSP, "what came is not an OCSP answer; is it a portal's page?"
        ) from error


def _open(answer: bytes) -> _Envelope:
    status, *rest = der.children(der.only(answer))
    words = ocsp.OCSPResponseStatus.load(status.whole, strict=True).native
    if words != "successful":
        raise NoAnswerError(
            Reason.UNSUCCESSFUL, f"the responder says {words.replace('_', ' ')}."
        )
    [tagged] = rest
    kind, octets = der.children(_tagged(tagged))
    if ocsp.ResponseType.load(kind.whole, strict=True).native != "basic_ocsp_response":
        raise ValueError("another kind of answer")
    if octets.tag != der.OCTET_STRING:
        raise ValueError("not octets")
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
    fields = [f for f in der.children(signed) if f.tag != 0xA0]  # without version
    [inner] = der.children(fields[0])
    if fields[0].tag == 0xA1:
        return inner.whole, None
    if fields[0].tag == 0xA2 and inner.tag == der.OCTET_STRING:
        return None, inner.value
    raise ValueError("no responder")


def _read(signed: der.Element) -> _Content:
    data = ocsp.ResponseData.load(signed.whole, strict=True)
    if data["version"].native != "v1":
        raise ValueError("version")
    nonce, unknown = _read_extensions(data["response_extensions"])
    singles = []
    for each in data["responses"]:
        _, more_unknown = _read_extensions(each["single_extensions"])
        unknown = unknown or more_unknown
        singles.append(_read_single(each))
    return _Content(_time(data["produced_at"].native), tuple(singles), nonce, unknown)


def _read_single(single: ocsp.SingleResponse) -> _Single:
    cert_id = single["cert_id"]
    following = single["next_update"].native
    return _Single(
        (
            cert_id["hash_algorithm"]["algorithm"].native,
            cert_id["issuer_name_hash"].native,
            cert_id["issuer_key_hash"].native,
            cert_id["serial_number"].native,
        ),
        single["cert_status"].name,
        _time(single["this_update"].native),
        None if following is None else _time(following),
    )


def _read_extensions(extensions: object) -> tuple[bytes | None, bool]:
    """Return the encoded nonce, and whether there is an unknown critical extension."""
    nonce, unknown, seen = None, False, set()
    for each in extensions or ():  # type: ignore[attr-defined] # asn1crypto has no types
        oid = each["extn_id"].dotted
        if oid in seen:
            raise ValueError("an extension twice")
        seen.add(oid)
        if oid == _NONCE:
            nonce = each["extn_value"].contents
        elif each["critical"].native:
            unknown = True
    return nonce, unknown


def _time(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time without its zone")
    return value


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
    produced_at: datetime, single: _Single, at: datetime, rules: Rules
) -> None:
    latest = at + rules.skew
    if single.this_update > latest or produced_at > latest:
        raise NoAnswerError(
            Reason.FROM_THE_FUTURE,
            "the answer is from the future; are both clocks right?",
        )
    if single.this_update < at - rules.max_age:
        raise NoAnswerError(
            Reason.TOO_OLD,
            f"the answer is more than {rules.max_age.total_seconds():g} seconds old; "
            "are both clocks right?",
        )
    if produced_at < single.this_update - rules.skew:
        raise NoAnswerError(
            Reason.NOT_OCSP, "the answer is older than what it tells of."
        )
    following = single.next_update
    if following is not None and (
        following < at - rules.skew or following < single.this_update
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
            exempt = _NO_CHECK in _extension_oids(certificate)
            return None if exempt else certificate
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
        and (usage is None or "digital_signature" in usage.native)
        and _is_issued_by(encoded, issuer.spki)
    )


@functools.lru_cache(maxsize=32)
def _is_issued_by(encoded: bytes, issuer_spki: bytes) -> bool:
    """Return whether a key signed a certificate. Cached, as it recurs at each login."""
    part = der.SignedPart.parse(encoded)
    try:
        verify(
            issuer_spki, part.algorithm, part.signature, memoryview(part.signed.whole)
        )
    except NoAnswerError:
        return False
    return True


def _extension_oids(certificate: x509.Certificate) -> set[str]:
    extensions = certificate["tbs_certificate"]["extensions"]
    return {each["extn_id"].dotted for each in extensions}
