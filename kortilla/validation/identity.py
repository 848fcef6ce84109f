# SPDX-License-Identifier: MIT
"""Who logged in, as the certificate says it (FINEID S2)."""

import re
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal, Self

from asn1crypto import x509

from kortilla.errors import UserCertificateParseError
from kortilla.revocation import CertificatePath

__all__ = ["Assurance", "Identity", "is_satu"]

#: What stands behind an identity: the authority, a test CA, or nobody knows any more.
Assurance = Literal["citizen-certificate", "test", "unknown"]

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

    ``assurance`` is ``citizen-certificate`` where a pinned CA of the authority issued
    the certificate under a policy of Citizen Certificates, ``policy`` (dotted), after
    the police had identified the person. What such a login is worth in law is for the
    service to judge. It is ``test`` for all that test trust accepts, which anybody can
    make, whatever the policy; and ``unknown`` for what was stored before there was one.
    """

    surname: str
    given_names: str
    satu: str
    country: str
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime
    assurance: Assurance = "unknown"
    policy: str = ""

    @classmethod
    def from_path(
        cls, path: CertificatePath, *, assurance: Assurance, policy: str
    ) -> Self:
        """Read the leaf of a validated path. Never looks at its common name.

        Raises ``UserCertificateParseError`` when an attribute is missing, occurs twice
        or is not in its form.
        """
        subject = _attributes(path.leaf.subject)
        country, satu = _only(subject, "country_name"), _only(subject, "serial_number")
        if country != "FI" or not is_satu(satu):
            raise UserCertificateParseError(
                "The certificate's subject is not a person with a SATU of Finland."
            )
        return cls(
            surname=_only(subject, "surname"),
            given_names=_only(subject, "given_name"),
            satu=satu,
            country=country,
            issuer=_only(_attributes(path.issuer.subject), "common_name"),
            serial=path.leaf.serial_number,
            not_before=path.leaf.not_valid_before,
            not_after=path.leaf.not_valid_after,
            assurance=assurance,
            policy=policy,
        )

    def to_json(self) -> dict[str, str]:
        """Return a dictionary of texts that any session can store."""
        return {
            key: value.isoformat() if isinstance(value, datetime) else str(value)
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Make an identity of what ``to_json`` returned, in this version or before.

        Fields that came later may be missing, and ones that this version does not know
        are left out.
        """
        known = {field.name for field in fields(cls)}
        return cls(
            **{
                **{key: value for key, value in data.items() if key in known},
                "serial": int(data["serial"]),
                "not_before": datetime.fromisoformat(data["not_before"]),
                "not_after": datetime.fromisoformat(data["not_after"]),
            }
        )


def _attributes(name: x509.Name) -> list[tuple[str, Any]]:
    try:
        return [
            (attribute["type"].native, attribute["value"].native)
            for rdn in name.chosen
            for attribute in rdn
        ]
    except Exception as error:  # whatever asn1crypto raises on odd input
        raise UserCertificateParseError(
            "The names in the certificate can't be read."
        ) from error


def _only(attributes: list[tuple[str, Any]], kind: str) -> str:
    values = [value for each, value in attributes if each == kind]
    if len(values) != 1 or not isinstance(values[0], str) or not values[0]:
        raise UserCertificateParseError(
            f"The certificate does not have exactly one {kind.replace('_', ' ')}."
        )
    if not values[0].isprintable():
        # It would be shown on pages and written into files.
        raise UserCertificateParseError(
            f"The certificate's {kind.replace('_', ' ')} has characters of no name."
        )
    return values[0]
