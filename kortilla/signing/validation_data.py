# SPDX-License-Identifier: MIT
"""Certificates and revocation data for the document security store of a PDF."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from asn1crypto import crl, ocsp, x509

from kortilla.errors import RevocationCheckFailedError
from kortilla.revocation import Revocation
from kortilla.revocation.interface import Reason
from kortilla.revocation.ocsp import Rules
from kortilla.validation.leaf import AsReceived, ExactCertificate

__all__ = ["CollectData", "ValidationData"]

_MAX_AGE = Rules().max_age
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class _ExactOCSPResponse(AsReceived, ocsp.OCSPResponse):  # type: ignore[misc] # asn1crypto has no types
    pass


class _ExactCRL(AsReceived, crl.CertificateList):  # type: ignore[misc] # asn1crypto has no types
    pass


@dataclass(frozen=True)
class ValidationData:
    """The data for validating a signature later without network requests.

    They are OCSP responses, CRLs, and certificates that the signature lacks, all in DER
    and copied byte for byte. They are parsed, not validated: pass the data that your
    own check has just accepted. Raises ``ValueError`` for malformed data.
    """

    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    certificates: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        try:
            for response in self.parsed_ocsp_responses():
                response.basic_ocsp_response.native  # noqa: B018 - reading is the check
            for revoked in self.parsed_crls():
                revoked["tbs_cert_list"]["issuer"].native  # noqa: B018 - reading is the check
            for certificate in self.parsed_certificates():
                certificate.native  # noqa: B018 - reading is the check
        except Exception as error:
            # asn1crypto raises any exception on odd input.
            raise ValueError("An OCSP response, CRL or certificate is none.") from error

    @classmethod
    async def collect(
        cls,
        certificates: Iterable[bytes],
        *,
        revocation: Revocation,
        authorities: Iterable[bytes] = (),
    ) -> Self:
        """Ask for the revocation data of certificates and their CAs (DER).

        ``authorities`` are CA certificates that a signature lacks. What is too long to
        be kept, or too odd, is left out, which ``covers`` notices. Raises the errors of
        ``Revocation.collect``, and of ``read_certificate``.
        """
        above = tuple(authorities)
        every = dict.fromkeys((*certificates, *above))
        responses, crls = await revocation.collect(map(read_certificate, every))
        return cls(
            tuple(each for each in responses if is_readable(ocsp_responses=(each,))),
            tuple(each for each in crls if is_readable(crls=(each,))),
            above,
        )

    def parsed_ocsp_responses(self) -> list[ocsp.OCSPResponse]:
        """Return the OCSP responses, parsed."""
        return [
            _ExactOCSPResponse.load(each, strict=True) for each in self.ocsp_responses
        ]

    def parsed_crls(self) -> list[crl.CertificateList]:
        """Return the CRLs, parsed."""
        return [_ExactCRL.load(each, strict=True) for each in self.crls]

    def parsed_certificates(self) -> list[x509.Certificate]:
        """Return the certificates, parsed."""
        return [ExactCertificate.load(each, strict=True) for each in self.certificates]

    def covers(
        self,
        certificates: Sequence[x509.Certificate],
        *,
        since: datetime | None = None,
    ) -> bool:
        """Return whether each certificate except roots has revocation data here.

        They are a CRL of its issuer, or an OCSP response with the status good. With
        ``since``, a timestamp's time, responses are no older, and neither is a CRL
        about the first certificate, the signer's: else verification does not take them.
        """
        oldest = _LONG_AGO if since is None else since - _MAX_AGE
        known = {
            (each["cert_id"]["serial_number"].native, _hash_of_issuer(each))
            for response in self.parsed_ocsp_responses()
            for each in response.response_data["responses"]
            if each["cert_status"].name == "good"
            and each["this_update"].native >= oldest
        }
        crls = self.parsed_crls()
        issuers = {each.issuer.hashable for each in crls}
        recent = {
            each.issuer.hashable
            for each in crls
            if each["tbs_cert_list"]["this_update"].native >= oldest
        }
        return all(
            certificate.self_issued
            or certificate.issuer.hashable in (issuers if number else recent)
            or any(
                (certificate.serial_number, getattr(certificate.issuer, name)) in known
                for name in ("sha1", "sha256")
            )
            for number, certificate in enumerate(certificates)
        )


def read_certificate(der: bytes) -> ExactCertificate:
    """Read a certificate, which may be one that a time-stamping service sent.

    Raises ``RevocationCheckFailedError`` if it can't be read.
    """
    try:
        certificate: ExactCertificate = ExactCertificate.load(der, strict=True)
        certificate.native  # noqa: B018 - reading is the check
    except Exception as error:  # asn1crypto raises any exception on odd input
        raise RevocationCheckFailedError(
            "A certificate can't be read.", reason=Reason.BAD_ADDRESS.value
        ) from error
    return certificate


def is_readable(**data: Iterable[bytes]) -> bool:
    """Return whether ``ValidationData`` can be made of these."""
    try:
        ValidationData(**{name: tuple(each) for name, each in data.items()})
    except ValueError:
        return False
    return True


def _hash_of_issuer(response: ocsp.SingleResponse) -> bytes:
    value: bytes = response["cert_id"]["issuer_name_hash"].native
    return value


#: Returns the data for these certificates (DER), which are the signature's and its
#: timestamp's. ``functools.partial(ValidationData.collect, revocation=…)`` is one.
CollectData = Callable[[tuple[bytes, ...]], Awaitable[ValidationData]]
