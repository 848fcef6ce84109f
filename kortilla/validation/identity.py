# SPDX-License-Identifier: MIT
"""The identity in a person's certificate (FINEID S2)."""

import re
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from asn1crypto import x509

from kortilla.errors import UserCertificateParseError
from kortilla.revocation import CertificatePath
from kortilla.revocation.interface import Certificate

__all__ = ["Assurance", "Identity", "common_name", "is_satu"]

#: The assurance of an identity: by the authority, by a test CA, or not recorded.
Assurance = Literal["citizen-certificate", "test", "unknown"]

_CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_SATU = re.compile(r"[0-9]{8}[0-9A-Y]")


def is_satu(text: str) -> bool:
    """Return whether a text is a SATU: eight digits and the right check character."""
    return (
        _SATU.fullmatch(text) is not None
        and _CHECK_CHARACTERS[int(text[:8]) % 31] == text[8]
    )


@dataclass(frozen=True)
class Identity:
    """A person, identified by the SATU. Names change; the SATU does not.

    The SATU is the electronic client identifier. The certificate holds no personal
    identity code (HETU). ``issuer`` is the issuing CA's common name, ``serial`` the
    certificate's serial number in decimal: a text, since JavaScript would round the
    number. The times are in UTC.

    ``authenticated_at`` is when ``LoginService`` accepted the login. It is None for an
    identity that comes from a certificate, or from an older version's session.

    ``assurance`` is ``citizen-certificate`` if a pinned CA of the authority issued the
    certificate under a policy of Citizen Certificates, ``policy`` (dotted), after the
    police had identified the person. The service decides what such a login is worth in
    law. It is ``test`` for everything that test trust accepts, which anybody can make.
    It is ``unknown`` for an identity that an older version stored.
    """

    surname: str
    given_names: str
    satu: str
    country: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    assurance: Assurance = "unknown"
    policy: str = ""
    authenticated_at: datetime | None = None

    @classmethod
    def from_path(
        cls, path: CertificatePath, *, assurance: Assurance, policy: str
    ) -> Self:
        """Read the leaf of a validated path. The common name is not used.

        Raises ``UserCertificateParseError`` if an attribute is missing, occurs twice or
        is malformed.
        """
        return cls.from_certificate(
            path.leaf, path.issuer.subject, assurance=assurance, policy=policy
        )

    @classmethod
    def from_certificate(
        cls,
        leaf: Certificate,
        issuer: x509.Name,
        *,
        assurance: Assurance,
        policy: str,
    ) -> Self:
        """Read a leaf, whose issuer may be unchecked. Raises as ``from_path``."""
        subject = _attributes(leaf.subject)
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
            issuer=common_name(issuer),
            serial=str(leaf.serial_number),
            not_before=leaf.not_valid_before,
            not_after=leaf.not_valid_after,
            assurance=assurance,
            policy=policy,
        )

    def is_recent(self, max_age: timedelta, *, at: datetime) -> bool:
        """Return whether the person logged in at most ``max_age`` before ``at``.

        A login that another server's clock puts after ``at`` may be as far away. False
        if there is no ``authenticated_at``.
        """
        since = self.authenticated_at
        return since is not None and abs(at - since) <= max_age

    def to_json(self) -> dict[str, str]:
        """Return a dictionary of texts that any session can store."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            key: value.isoformat() if isinstance(value, datetime) else str(value)
            for key, value in values.items()
            if value is not None
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Make an identity from the result of ``to_json``, also of another version.

        Newer fields may be missing, and unknown fields are ignored. Raises
        ``KeyError``, ``TypeError`` or ``ValueError`` for anything else.
        """
        known = {field.name for field in fields(cls)}
        since = data.get("authenticated_at")
        return cls(
            **{
                **{key: value for key, value in data.items() if key in known},
                "serial": str(int(data["serial"])),
                "not_before": datetime.fromisoformat(data["not_before"]),
                "not_after": datetime.fromisoformat(data["not_after"]),
                "authenticated_at": None if since is None else _time(since),
            }
        )


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time


def common_name(name: x509.Name) -> str:
    """Return the one common name in a name. Raises ``UserCertificateParseError``."""
    return _only(_attributes(name), "common_name")


def _attributes(name: x509.Name) -> list[tuple[str, Any]]:
    try:
        return [
            (attribute["type"].native, attribute["value"].native)
            for rdn in name.chosen
            for attribute in rdn
        ]
    except Exception as error:  # asn1crypto raises any exception on odd input
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
        # Services show it on pages and write it into files.
        raise UserCertificateParseError(
            f"The certificate's {kind.replace('_', ' ')} has characters of no name."
        )
    return values[0]
