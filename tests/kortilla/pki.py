# SPDX-License-Identifier: MIT
"""A CA for tests whose leaves can be wrong in any single way.

Leaves have both encoding defects of real ones. Tests that break something use these
tokens; tokens of whole cards come from the mock card.
"""

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from asn1crypto import algos, core, keys, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from kortilla import Trust
from kortilla.validation.leaf import ExactCertificate
from tests.support.cards import rsa_key

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ORIGIN = "https://service.example"
NONCE = base64.b64encode(bytes(range(32))).decode()
TEST_POLICY = "1.2.246.517.99.10.1"

AUTHENTICATION = bytes.fromhex("03020388")  # digitalSignature, keyAgreement
SIGNATURE = bytes.fromhex("03020640")  # nonRepudiation
CERTIFICATE_SIGN = bytes.fromhex("03020106")  # keyCertSign, cRLSign
EXPLICIT_FALSE = bytes.fromhex("3003010100")
CA_TRUE = bytes.fromhex("30030101FF")
CLIENT_AUTH = bytes.fromhex("300A06082B06010505070302")
SERVER_AUTH = bytes.fromhex("300A06082B06010505070301")

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SURNAME, GIVEN_NAME, SATU = "SPECIMEN-MEIKÄLÄINEN", "MAIJA", "99902038C"

_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


class Clock:
    """The time at which leaves are valid, which a test can change."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@functools.cache
def key(kind: str) -> Key:
    """Return a cached key of a kind (P-256, P-384, P-521, RSA-2048, RSA-3072)."""
    match kind.split("-"):
        case ["P", "256"]:
            return ec.generate_private_key(ec.SECP256R1())
        case ["P", "384"]:
            return ec.generate_private_key(ec.SECP384R1())
        case ["P", "521"]:
            return ec.generate_private_key(ec.SECP521R1())
        case ["RSA", bits]:
            return rsa_key(int(bits))
    raise ValueError(kind)


def _time(when: datetime | timedelta) -> x509.Time:
    if isinstance(when, timedelta):
        when = datetime.now(UTC) + when
    return x509.Time({"utc_time": when})


def subject(
    *, country: str = "FI", satu: str = SATU, surname: str = SURNAME
) -> x509.Name:
    """Return a leaf's subject, with its attributes in the order of FINEID S2."""
    return x509.Name.build(
        {
            "country_name": country,
            "serial_number": satu,
            "given_name": GIVEN_NAME,
            "surname": surname,
            "common_name": f"{surname} {GIVEN_NAME} {satu}",
        }
    )


@dataclass(frozen=True)
class Leaf:
    """A leaf certificate and its key."""

    der: bytes
    key: Key

    def sign(
        self, algorithm: str, *, origin: str = ORIGIN, nonce: str = NONCE
    ) -> bytes:
        """Sign as a card does: over H(origin) and H(nonce)."""
        hash_algorithm = _HASHES[algorithm[2:]]
        message = b"".join(
            hashlib.new(hash_algorithm.name, text.encode()).digest()
            for text in (origin, nonce)
        )
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            der = self.key.sign(message, ec.ECDSA(hash_algorithm))
            size = (self.key.curve.key_size + 7) // 8
            return b"".join(n.to_bytes(size, "big") for n in decode_dss_signature(der))
        if algorithm.startswith("PS"):
            pss = padding.PSS(padding.MGF1(hash_algorithm), hash_algorithm.digest_size)
            return self.key.sign(message, pss, hash_algorithm)
        return self.key.sign(message, padding.PKCS1v15(), hash_algorithm)

    def token(
        self, algorithm: str = "ES384", *, origin: str = ORIGIN, nonce: str = NONCE
    ) -> dict[str, Any]:
        """Return a complete token as a JSON object."""
        return {
            "unverifiedCertificate": base64.b64encode(self.der).decode(),
            "algorithm": algorithm,
            "signature": base64.b64encode(
                self.sign(algorithm, origin=origin, nonce=nonce)
            ).decode(),
            "format": "web-eid:1.0",
            "appVersion": "urn:uuid:48e30dea-567c-4965-9e98-7118cfcaca7e#specimen",
        }


@dataclass(frozen=True)
class CA:
    """A CA: its certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @classmethod
    def create(
        cls,
        name: str,
        *,
        parent: Self | None = None,
        years: tuple[int, int] = (2021, 2041),
        country: str = "FI",
        **changes: Any,
    ) -> Self:
        """Create a root, or a CA below ``parent``, with changes for ``issue``."""
        own_key = ec.generate_private_key(ec.SECP384R1())
        own_name = x509.Name.build({"country_name": country, "common_name": name})
        maker = parent or cls(x509.Certificate(), own_key)
        certificate = maker.issue(
            own_key,
            subject_name=own_name,
            issuer_name=own_name if parent is None else None,
            not_before=datetime(years[0], 1, 1, tzinfo=UTC),
            not_after=datetime(years[1], 1, 1, tzinfo=UTC),
            key_usage=CERTIFICATE_SIGN,
            basic_constraints=CA_TRUE,
            policies=(),
            null_parameter=False,
            **changes,
        )
        return cls(ExactCertificate.load(certificate.der), own_key)

    @property
    def der(self) -> bytes:
        """The CA's certificate."""
        return bytes(self.certificate.dump())

    def issue(
        self,
        leaf_key: Key,
        *,
        subject_name: x509.Name | None = None,
        issuer_name: x509.Name | None = None,
        not_before: datetime | timedelta = NOW - timedelta(days=365),
        not_after: datetime | timedelta = NOW + timedelta(days=4 * 365),
        key_usage: bytes | None = AUTHENTICATION,
        extended_key_usage: bytes | None = None,
        basic_constraints: bytes | None = EXPLICIT_FALSE,
        policies: Sequence[str] = (TEST_POLICY,),
        null_parameter: bool = True,
        signature_algorithm: str = "sha384_ecdsa",
        extra: Sequence[tuple[str, bytes]] = (),
        serial_number: int = 4242,
        extra_critical: bool | frozenset[str] = False,
    ) -> Leaf:
        """Issue a certificate; any part of it may be wrong.

        ``extra_critical`` are the OIDs that are critical of ``extra``, or whether all.

        A ``timedelta`` is a time from this call on, for what looks at the clock. A
        list of cases can't say today's date: it is read long before its tests run.
        """
        spki = keys.PublicKeyInfo.load(
            leaf_key.public_key().public_bytes(
                serialization.Encoding.DER,
                serialization.PublicFormat.SubjectPublicKeyInfo,
            )
        )
        extensions: list[tuple[str, bool, bytes]] = []
        if basic_constraints is not None:
            extensions.append(("basic_constraints", True, basic_constraints))
        if key_usage is not None:
            extensions.append(("key_usage", True, key_usage))
        if extended_key_usage is not None:
            extensions.append(("extended_key_usage", False, extended_key_usage))
        if policies:
            der = x509.CertificatePolicies(
                [{"policy_identifier": policy} for policy in policies]
            ).dump()
            extensions.append(("certificate_policies", False, der))
        critical = extra_critical
        extensions += [
            (oid, critical if isinstance(critical, bool) else oid in critical, der)
            for oid, der in extra
        ]
        # The second defect: ecdsa-with-SHA384 has NULL parameters.
        algorithm = algos.SignedDigestAlgorithm({"algorithm": signature_algorithm})
        if null_parameter:
            algorithm["parameters"] = core.Null()
        tbs = x509.TbsCertificate(
            {
                "version": "v3",
                "serial_number": serial_number,
                "signature": algorithm,
                "issuer": issuer_name or self.certificate.subject,
                "validity": {
                    "not_before": _time(not_before),
                    "not_after": _time(not_after),
                },
                "subject": subject_name or subject(),
                "subject_public_key_info": spki,
                "extensions": [
                    {
                        "extn_id": name,
                        "critical": critical,
                        "extn_value": core.ParsableOctetString(der),
                    }
                    for name, critical, der in extensions
                ],
            }
        )
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        signed = tbs.dump()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA384()))
        # Encoded by hand: asn1crypto would re-encode parts of the signed data.
        parts = signed + algorithm.dump() + core.OctetBitString(signature).dump()
        return Leaf(b"\x30\x82" + len(parts).to_bytes(2, "big") + parts, leaf_key)

    def trust(self, *more: bytes, test: bool = True) -> Trust:
        """Return a trust in this CA."""
        return Trust.from_certificates([self.der, *more], test=test)
