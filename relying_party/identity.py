# SPDX-License-Identifier: MIT
"""Who logged in, as the certificate says it (FINEID S2)."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from asn1crypto import x509

from .errors import UserCertificateParseError

__all__ = ["Identity", "is_satu"]

_CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_SATU = re.compile(r"[0-9]{8}[0-9A-Y]")


def is_satu(text: str) -> bool:
    """Tell whether a text is a SATU: eight digits and the right check character."""
    return (
        _SATU.fullmatch(text) is not None
        and _CHECK_CHARACTERS[int(text[:8]) % 31] == text[8]
    )


@dataclass(frozen=True)
class Identity:
    """A person, identified by the SATU. Names change; the SATU does not.

    The certificate holds no personal identity code (HETU): the SATU is the electronic
    client identifier and nothing else. ``issuer`` is the issuing CA's common name,
    ``serial`` the certificate's serial number; the times are in UTC.
    """

    surname: str
    given_names: str
    satu: str
    country: str
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime

    @classmethod
    def from_certificate(cls, certificate: x509.Certificate) -> Self:
        """Read a FINEID leaf. Never looks at its common name.

        Raises ``UserCertificateParseError`` when an attribute is missing, occurs twice
        or is not in its form.
        """
        country = _only(certificate.subject, "country_name")
        satu = _only(certificate.subject, "serial_number")
        if country != "FI" or not is_satu(satu):
            raise UserCertificateParseError(
                "The certificate's subject is not a person with a SATU of Finland."
            )
        return cls(
            surname=_only(certificate.subject, "surname"),
            given_names=_only(certificate.subject, "given_name"),
            satu=satu,
            country=country,
            issuer=_only(certificate.issuer, "common_name"),
            serial=certificate.serial_number,
            not_before=certificate.not_valid_before,
            not_after=certificate.not_valid_after,
        )

    def to_json(self) -> dict[str, str]:
        """Return a dictionary of texts that any session can store."""
        return {
            key: value.isoformat() if isinstance(value, datetime) else str(value)
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Make an identity of what ``to_json`` returned."""
        return cls(
            **{
                **data,
                "serial": int(data["serial"]),
                "not_before": datetime.fromisoformat(data["not_before"]),
                "not_after": datetime.fromisoformat(data["not_after"]),
            }
        )


def _only(name: x509.Name, kind: str) -> str:
    values = [
        attribute["value"].native
        for rdn in name.chosen
        for attribute in rdn
        if attribute["type"].native == kind
    ]
    if len(values) != 1 or not isinstance(values[0], str) or not values[0]:
        raise UserCertificateParseError(
            f"The certificate does not have exactly one {kind.replace('_', ' ')}."
        )
    return values[0]
