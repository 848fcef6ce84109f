# SPDX-License-Identifier: MIT
"""The identity in a person's certificate (FINEID S2)."""

import base64
import re
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Literal, Self

from asn1crypto import x509

from kortilla.common import JsonObject
from kortilla.errors import UserCertificateParseError
from kortilla.revocation import der
from kortilla.validation.leaf import Leaf

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

    ``certificate`` is what the identity was read from (base64 of DER, as in a token),
    to encrypt to the person: ``kortilla.encryption.checked_recipient`` takes the
    identity. It is empty where a session does not keep it, and is not compared.
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
    certificate: str = field(default="", repr=False, compare=False)

    @classmethod
    def of(cls, leaf: Leaf, *, issuer: str, assurance: Assurance, policy: str) -> Self:
        """Read a leaf's holder. The common name is not used.

        ``issuer`` is the name of its CA. Raises ``UserCertificateParseError`` if an
        attribute is missing, occurs twice or is malformed.
        """
        subject = _read_subject(leaf.subject)
        country, satu = subject["country name"], subject["serial number"]
        if country != "FI" or not is_satu(satu):
            raise UserCertificateParseError(
                "The certificate's subject is not a person with a SATU of Finland."
            )
        return cls(
            surname=subject["surname"],
            given_names=subject["given name"],
            satu=satu,
            country=country,
            issuer=issuer,
            serial=str(leaf.serial),
            not_before=leaf.not_before,
            not_after=leaf.not_after,
            assurance=assurance,
            policy=policy,
            certificate=base64.b64encode(leaf.encoded).decode(),
        )

    def is_recent(self, max_age: timedelta, *, at: datetime) -> bool:
        """Return whether the person logged in at most ``max_age`` before ``at``.

        A login that another server's clock puts after ``at`` may be as far away. False
        if there is no ``authenticated_at``.
        """
        since = self.authenticated_at
        return since is not None and abs(at - since) <= max_age

    def to_json(self, *, certificate: bool = False) -> dict[str, str]:
        """Return a dictionary of texts that any session can store.

        These are about 350 bytes. The ``certificate`` adds 1,300 to 2,000. A session
        that is a cookie may have no room for it, so it is left out unless asked for.
        """
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        if not certificate:
            del values["certificate"]
        return {
            key: value.isoformat() if isinstance(value, datetime) else str(value)
            for key, value in values.items()
            if value is not None
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        """Make an identity from the result of ``to_json``, also of another version.

        Newer fields may be missing, and unknown fields are ignored. Raises
        ``KeyError``, ``TypeError`` or ``ValueError`` for anything else.
        """
        known = {each.name for each in fields(cls)}
        since = data.get("authenticated_at")
        return cls(
            **{
                **{key: value for key, value in data.items() if key in known},
                "serial": str(int(data["serial"])),
                "not_before": datetime.fromisoformat(data["not_before"]),
                "not_after": datetime.fromisoformat(data["not_after"]),
                "authenticated_at": None if since is None else _time(since),
                "certificate": str(data.get("certificate", "")),
            }
        )


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time


#: The attributes of a person, by their OID in DER (FINEID S2).
_ATTRIBUTES = {
    bytes.fromhex("0603550406"): "country name",
    bytes.fromhex("0603550405"): "serial number",
    bytes.fromhex("060355042A"): "given name",
    bytes.fromhex("0603550404"): "surname",
}
_COMMON_NAME = bytes.fromhex("0603550403")
_UTF8_STRING, _PRINTABLE_STRING = 0x0C, 0x13
_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,./:=?-]*")


def _read_subject(encoded: bytes) -> dict[str, str]:
    """Return the four attributes, each of which occurs once, from a name in DER."""
    found: dict[str, str] = {}
    _, position, end = der.header(encoded, 0, len(encoded))
    try:
        while position < end:
            tag, start, position = der.header(encoded, position, end)
            inner, start, after = der.header(encoded, start, position)
            if tag != der.SET or inner != der.SEQUENCE or after != position:
                raise der.MalformedError("not one attribute")
            value = start + 5
            oid = encoded[start:value]
            kind = _ATTRIBUTES.get(oid)
            if kind is None and oid != _COMMON_NAME:
                _, _, value = der.header(encoded, start, after)
                if der.outline(encoded[start:value]) != "06":
                    raise der.MalformedError("not an attribute")
            tag, start, after = der.header(encoded, value, after)
            if after != position:
                raise der.MalformedError("more than a value")
            text = _read_text(tag, encoded[start:after])
            if kind is not None:
                if kind in found:
                    raise _not_once(kind)
                found[kind] = text
    except ValueError as error:
        raise UserCertificateParseError(
            "The names in the certificate can't be read."
        ) from error
    for kind in _ATTRIBUTES.values():
        _check(kind, found.get(kind))
    return found


def _read_text(tag: int, content: bytes) -> str:
    if tag != _UTF8_STRING and (
        tag != _PRINTABLE_STRING or not _PRINTABLE.fullmatch(content)
    ):
        raise der.MalformedError("not a text")
    return content.decode("utf-8")


def common_name(name: bytes) -> str:
    """Return the one common name in a CA's name in DER.

    asn1crypto reads it, since it may have any type of string. Raises
    ``UserCertificateParseError``.
    """
    try:
        found = [
            attribute["value"].native
            for rdn in x509.Name.load(name).chosen
            for attribute in rdn
            if attribute["type"].native == "common_name"
        ]
    except Exception as error:  # asn1crypto raises any exception on odd input
        raise UserCertificateParseError(
            "The names in the certificate can't be read."
        ) from error
    if len(found) != 1:
        raise _not_once("common name")
    return _check("common name", found[0])


def _check(kind: str, text: object) -> str:
    if not isinstance(text, str) or not text:
        raise _not_once(kind)
    if not text.isprintable():
        # Services show it on pages and write it into files.
        raise UserCertificateParseError(
            f"The certificate's {kind} has characters of no name."
        )
    return text


def _not_once(kind: str) -> UserCertificateParseError:
    return UserCertificateParseError(
        f"The certificate does not have exactly one {kind}."
    )
