# SPDX-License-Identifier: MIT
"""Examines CMS signatures (RFC 5652) and timestamps (RFC 3161), which are such.

They are in a PDF or container, or a ``.p7s`` of a file.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from asn1crypto import cms, pem, x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pyhanko.sign.general import check_ess_certid, extract_signer_info
from pyhanko.sign.validation.errors import CMSAlgorithmProtectionError
from pyhanko.sign.validation.generic_cms import (
    extract_self_reported_ts,
    validate_algorithm_protection,
    validate_sig_integrity,
)
from pyhanko.sign.validation.utils import extract_message_digest

from kortilla.signing.verification.findings import (
    Finding,
    Findings,
    Found,
    RefusedError,
    Stamp,
    broken,
)
from kortilla.signing.verification.proofs.kept import elements, kept_in_cms
from kortilla.validation.leaf import ExactCertificate

_MAX_SIGNERS = 100
_MAX_STAMPS = 20  # of one signature, besides archive timestamps
#: How far a timestamp's time may be off, as it says itself. ETSI EN 319 421 §7.7.2
#: demands a second. The 495 timestamps in the test files of EU DSS, digidoc4j and
#: pyHanko state 1.002 at most.
_ACCURACY = timedelta(minutes=1)
#: The hash functions, by asn1crypto's names, whose collisions nobody can make.
_SAFE_HASHES = frozenset(
    f"{family}{bits}" for family in ("sha", "sha3_") for bits in (256, 384, 512)
)


def examine_cms(signature: bytes, content: bytes | None) -> Findings:
    """Return what is found in a ``.p7s``, DER or PEM.

    ``content`` is the file that it is of, unless the signature contains it.
    """
    findings = Findings("cms")
    try:
        if pem.detect(signature):
            _, _, signature = pem.unarmor(signature)
        info = cms.ContentInfo.load(signature, strict=True)
        if info["content_type"].native != "signed_data":
            findings.problems.append(Found("NOT_A_SIGNED_FORMAT"))
            return findings
        signed = info["content"]
        if signed["encap_content_info"]["content_type"].native != "data":
            findings.problems.append(Found("UNSUPPORTED", "another type of content"))
            return findings
        inside = signed["encap_content_info"]["content"].native
        signers = list(signed["signer_infos"])
    except Exception as error:
        # asn1crypto raises any exception on odd input.
        findings.problems.append(broken(error))
        return findings
    if inside is not None and content not in {None, inside}:
        findings.problems.append(Found("DIGEST_MISMATCH", "it contains another file"))
        return findings
    content = inside if content is None else content
    if content is None:
        findings.problems.append(Found("NO_CONTENT"))
        return findings
    for number, signer in enumerate(signers[:_MAX_SIGNERS], start=1):
        finding = Finding(f"signer {number}", covers="whole-file")
        examine_signer(signed, signer, hasher(content), finding)
        findings.signatures.append(finding)
    if len(signers) > _MAX_SIGNERS:
        findings.problems.append(Found("TOO_LARGE", f"{len(signers)} signers"))
    return findings


def hasher(content: bytes) -> Callable[[str], bytes]:
    """Return a function that hashes a content by a function that hashlib knows."""
    return lambda function: hashlib.new(function, content).digest()


def examine_signer(
    signed: cms.SignedData,
    signer: cms.SignerInfo,
    digest_of: Callable[[str], bytes],
    finding: Finding,
) -> None:
    """Put what is found about one signer of a CMS signature into ``finding``.

    ``digest_of`` hashes what was signed, by a function that hashlib knows.
    """
    try:
        _examine_signer(signed, signer, digest_of, finding)
    except RefusedError as error:
        finding.problems.append(error.found)
    except Exception as error:
        # asn1crypto and pyHanko raise any exception on odd input.
        finding.intact = finding.intact and None
        finding.problems.append(broken(error))


def _examine_signer(
    signed: cms.SignedData,
    signer: cms.SignerInfo,
    digest_of: Callable[[str], bytes],
    finding: Finding,
) -> None:
    if not signer["signed_attrs"]:
        # Its content could be the attributes of another signature (RFC 5652 §5.4).
        finding.problems.append(Found("UNSUPPORTED", "no signed attributes"))
        return
    finding.claimed_time = finding.claimed_time or extract_self_reported_ts(signer)
    certificate = _certificate(signed, signer, finding)
    function = signer["digest_algorithm"]["algorithm"].native
    names = _functions(signer)
    if not names <= _SAFE_HASHES:
        said = ", ".join(sorted(names))
        if not names & {"md5", "sha1", "sha224"}:
            raise RefusedError("UNSUPPORTED", said)
        finding.problems.append(Found("WEAK_ALGORITHM", said))
    if certificate is None:
        raise RefusedError("CERTIFICATE_UNREADABLE")
    _check_algorithms(signer, names)
    try:
        load_der_public_key(certificate.public_key.dump())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # Such as an RSA key whose number is negative, as Estonia had.
        raise RefusedError("CERTIFICATE_UNREADABLE", str(error)) from error
    if not _names(signer, certificate):
        finding.intact = False
        raise RefusedError("CERTIFICATE_SWAPPED")
    digest = digest_of(function)
    same, genuine = validate_sig_integrity(signer, certificate, "data", digest)
    if not genuine:
        sorted_signer = _with_sorted_attributes(signer)
        same, genuine = validate_sig_integrity(
            sorted_signer, certificate, "data", digest
        )
    finding.intact = bool(same and genuine)
    if not genuine:
        finding.problems.append(Found("SIGNATURE_BROKEN"))
    elif not same:
        other = _function_of(extract_message_digest(signer), digest_of)
        if other:
            finding.intact = None
            raise RefusedError("ALGORITHMS_DIFFER", f"{function}, {other}")
        finding.problems.append(Found("DIGEST_MISMATCH"))
    _read_unsigned(signer, finding)
    finding.kept.append(kept_in_cms(signed, signer))


def _functions(signer: cms.SignerInfo) -> set[str]:
    """Return the hash functions that a signature rests on."""
    method = signer["signature_algorithm"]
    names = {signer["digest_algorithm"]["algorithm"].native}
    if method["algorithm"].native not in {"rsassa_pkcs1v15", "rsaes_pkcs1v15"}:
        try:
            names.add(method.hash_algo)
        except ValueError as error:
            raise RefusedError("UNSUPPORTED", str(error)) from error
    return names


def _check_algorithms(signer: cms.SignerInfo, names: set[str]) -> None:
    """Refuse a signature whose hash functions contradict each other.

    One function is of the content and of the attributes: the digest algorithm names it,
    and the signature algorithm does so unless it is plain RSA (RFC 5652 §5.3 and §11.2,
    RFC 5754 §3.2, RFC 8933 §3). A verifier that follows the one field calls valid what
    a verifier that follows the other calls broken. An attribute may name both, too
    (RFC 6211 §2).
    """
    if len(names) > 1:
        raise RefusedError("ALGORITHMS_DIFFER", ", ".join(sorted(names)))
    try:
        validate_algorithm_protection(
            _attributes(signer),
            claimed_digest_algorithm_obj=signer["digest_algorithm"],
            claimed_signature_algorithm_obj=signer["signature_algorithm"],
            claimed_mac_algorithm_obj=None,
        )
    except CMSAlgorithmProtectionError as error:
        raise RefusedError("ALGORITHMS_DIFFER", error.failure_message) from error


def _function_of(value: bytes, digest_of: Callable[[str], bytes]) -> str:
    """Return the hash function that a digest of the content is by, or an empty text."""
    for each in sorted(_SAFE_HASHES):
        if hashlib.new(each).digest_size == len(value) and digest_of(each) == value:
            return each
    return ""


def _with_sorted_attributes(signer: cms.SignerInfo) -> cms.SignerInfo:
    """Return a signer with its attributes as they are signed (RFC 5652 §5.4).

    That is in DER, where a set is sorted; in the file they may be in any order.
    """
    attributes = sorted(signer["signed_attrs"], key=lambda each: each.dump())
    ordered = cms.SignerInfo.load(signer.dump())
    ordered["signed_attrs"] = cms.CMSAttributes(attributes)
    return ordered


def _certificate(
    signed: cms.SignedData, signer: cms.SignerInfo, finding: Finding
) -> x509.Certificate | None:
    """Return the signer's certificate as it is, and note all of them."""
    found = _certificates(signed)
    wanted = signer["sid"]
    own = None
    for der in found:
        certificate = ExactCertificate.load(der)
        if wanted.name == "issuer_and_serial_number":
            fits = (
                certificate.serial_number == wanted.chosen["serial_number"].native
                and certificate.issuer == wanted.chosen["issuer"]
            )
        else:
            fits = certificate.key_identifier == wanted.native
        # Certificates of one issuer and serial number may be forged beside the real.
        if fits and (own is None or _names(signer, certificate)):
            own = certificate
    if own is not None:
        finding.certificate = own.dump()
        finding.chain = tuple(each for each in found if each != finding.certificate)
    return own


def _certificates(signed: cms.SignedData) -> list[bytes]:
    """Return the X.509 certificates."""
    found = elements(signed["certificates"].contents or b"")
    return [each for each in found if each[0] == 0x30]  # others are of other kinds


def _names(
    signer: cms.SignerInfo, certificate: x509.Certificate, *, at_all: bool = False
) -> bool:
    """Return whether the signed attributes allow a certificate (RFC 5035 §5.4).

    A signature of an old kind names none, unless it has to name it ``at_all``.
    """
    named = [
        check_ess_certid(certificate, attribute["values"][0]["certs"][0])
        for attribute in _attributes(signer)
        if attribute["type"].native in {"signing_certificate", "signing_certificate_v2"}
    ]
    return all(named) and (bool(named) or not at_all)


def _attributes(signer: cms.SignerInfo) -> cms.CMSAttributes:
    """Return the signed attributes apart: asn1crypto may encode anew what was read."""
    return cms.CMSAttributes.load(signer["signed_attrs"].untag().dump())


def _read_unsigned(signer: cms.SignerInfo, finding: Finding) -> None:
    tokens = [
        token
        for attribute in signer["unsigned_attrs"] or ()
        if attribute["type"].native == "signature_time_stamp_token"
        for token in elements(attribute["values"].contents)
    ]
    value = signer["signature"].native
    add_stamps(finding, (read_stamp(each, value) for each in tokens))


def add_stamps(finding: Finding, stamps: Iterable[Stamp]) -> None:
    """Add the timestamps of a signature, as many as are looked at."""
    found = [*itertools.islice(stamps, _MAX_STAMPS + 1)]
    if len(found) > _MAX_STAMPS:
        finding.problems.append(Found("TOO_LARGE", "timestamps"))
    finding.stamps += found[:_MAX_STAMPS]


def read_stamp(encoded: bytes, content: bytes) -> Stamp:
    """Check a timestamp (DER), which may be anything, of a content."""
    try:
        token = cms.ContentInfo.load(encoded)
    except ValueError as error:
        return Stamp(intact=False, fault=broken(error).detail)
    return examine_stamp(token, hasher(content))


def examine_stamp(
    token: cms.ContentInfo, digest_of: Callable[[str], bytes], *, place: str = ""
) -> Stamp:
    """Check a timestamp's signature, and that it is of a certain content.

    ``digest_of`` hashes the content by a function that hashlib knows. Who signed is not
    judged. For a malformed timestamp, the result is not intact.
    """
    try:
        return _examine_stamp(token, digest_of, place)
    except RefusedError as error:
        fault = f"{error.found.code} {error.found.detail}".strip()
    except Exception as error:
        # asn1crypto and pyHanko raise any exception on odd input.
        fault = broken(error).detail
    return Stamp(intact=False, place=place, fault=fault)


def _examine_stamp(
    token: cms.ContentInfo, digest_of: Callable[[str], bytes], place: str
) -> Stamp:
    signed = token["content"]
    stamped = signed["encap_content_info"]["content"].parsed
    imprint = stamped["message_imprint"]
    function = imprint["hash_algorithm"]["algorithm"].native
    signer = extract_signer_info(signed)
    names = _functions(signer)
    if not {function, *names} <= _SAFE_HASHES:
        raise RefusedError("WEAK_ALGORITHM", ", ".join(sorted({function, *names})))
    holder = Finding(place)
    certificate = _certificate(signed, signer, holder)
    if certificate is None or not signer["signed_attrs"]:
        raise RefusedError("CERTIFICATE_UNREADABLE")
    _check_algorithms(signer, names)
    # RFC 3161 §2.4.2 and RFC 5816 §2.2.1 demand that it names its certificate.
    if not _names(signer, certificate, at_all=True):
        raise RefusedError("CERTIFICATE_SWAPPED")
    _check_extent(stamped)
    content = signed["encap_content_info"]["content"].contents
    own = signer["digest_algorithm"]["algorithm"].native
    same, genuine = validate_sig_integrity(
        signer, certificate, "tst_info", hashlib.new(own, content).digest()
    )
    found = imprint["hashed_message"].native == digest_of(function)
    time = stamped["gen_time"].native
    return Stamp(
        intact=bool(same and genuine and found and time.tzinfo),
        time=time,
        certificates=(certificate.dump(), *holder.chain),
        place=place,
        kept=kept_in_cms(signed, signer),
    )


def _check_extent(stamped: Any) -> None:
    """Refuse a TSTInfo whose time is vague, or that says what must be understood."""
    said = stamped["accuracy"].native or {}
    accuracy = timedelta(
        seconds=said.get("seconds") or 0,
        milliseconds=said.get("millis") or 0,
        microseconds=said.get("micros") or 0,
    )
    if not timedelta(0) <= accuracy <= _ACCURACY:
        raise RefusedError("UNSUPPORTED", f"an accuracy of {accuracy}")
    if any(each["critical"].native for each in stamped["extensions"]):
        raise RefusedError("UNSUPPORTED", "a critical extension")
