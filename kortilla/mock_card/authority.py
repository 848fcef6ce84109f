# SPDX-License-Identifier: MIT
"""The mock card's test CA, and leaf certificates in FINEID's encoding.

The CA certificates are strict DER. The leaves follow docs/reference/certificates.md,
"Profile" and "Encoding defects", so that a program that reads them also reads real
ones.
"""

import functools
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID

from kortilla.mock_card.ber import encode, sequence
from kortilla.mock_card.errors import InvalidArgumentError
from kortilla.mock_card.folder import write_atomically
from kortilla.mock_card.keys import (
    PrivateKey,
    PublicKey,
    generate_key,
    load_private_key,
    private_key_der,
)
from kortilla.mock_card.ocsp_responder import Responder, answer_ocsp, key_usage
from kortilla.mock_card.profiles import KeyType

#: Under the authority's test arc, which only test trust accepts.
TEST_POLICY = "1.2.246.517.99.10.1"

#: The base URL of CRLs, OCSP and issuers in the certificates. It does not resolve.
#: With it the usual leaves have no length that ends in the byte 80. asn1crypto mistakes
#: that for the indefinite length and re-encodes the value, so that the signature fails.
#: Real leaves may have such a length; a longer name makes one on purpose.
DEFAULT_ADDRESS = "http://revocation.mock-card.kortilla.invalid"

_CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"

# As of the real issuers, so that leaves can have dates in the past.
_CA_START = datetime(2021, 5, 25, tzinfo=UTC)
_CA_END = datetime(2041, 5, 20, tzinfo=UTC)

# keyUsage as DER BIT STRINGs, by purpose and kind of key.
_KEY_USAGE = {
    ("authentication", "ECC"): bytes.fromhex("03020388"),
    ("authentication", "RSA"): bytes.fromhex("030204B0"),
    ("signature", "ECC"): bytes.fromhex("03020640"),
    ("signature", "RSA"): bytes.fromhex("03020640"),
}

_NULL = bytes.fromhex("0500")
_ECDSA_WITH_SHA384 = bytes.fromhex("06082A8648CE3D040303")  # the identifier alone
_SHA256_WITH_RSA = bytes.fromhex("300D06092A864886F70D01010B0500")

# The first defect: an explicit `cA FALSE`, although DER omits defaults.
_BASIC_CONSTRAINTS = bytes.fromhex("3003010100")

# qcStatements 0.4.0.1862.1.1, .1.4 (QSCD) and .1.6 with eSign (ETSI EN 319 412-5 §4).
_QC_STATEMENTS = bytes.fromhex(
    "3029"
    "3008060604008E460101"
    "3008060604008E460104"
    "3013060604008E4601063009060704008E46010601"
)


def make_satu(number: int) -> str:
    """Return the SATU of eight digits with its check character.

    See docs/reference/certificates.md, "SATU".
    """
    digits = f"{number:08d}"
    if number < 0 or len(digits) != 8:
        raise InvalidArgumentError(
            "A SATU has eight digits before its check character."
        )
    return digits + _CHECK_CHARACTERS[number % 31]


@dataclass(frozen=True)
class Person:
    """The person that a mock card names. The surname must begin with ``SPECIMEN-``."""

    surname: str = "SPECIMEN-VIRTANEN"
    given_name: str = "AINO"
    satu: str = make_satu(99_955_512)

    def __post_init__(self) -> None:
        if not self.surname.startswith("SPECIMEN-"):
            raise InvalidArgumentError("A mock card's surname begins with SPECIMEN-.")
        if not self.given_name:
            raise InvalidArgumentError("A mock card's given name is missing.")
        if (
            not self.satu[:-1].isdecimal()
            or make_satu(int(self.satu[:-1])) != self.satu
        ):
            raise InvalidArgumentError("The SATU's check character does not fit.")


@dataclass(frozen=True)
class Authority:
    """A test root CA and the issuing CA under it, with both their private keys.

    ``address`` is the base URL in the certificates, without a slash at its end, of CRLs
    (``/crl/issuing.crl``, ``/crl/root.crl``), OCSP (``/ocsp/issuing``, ``/ocsp/root``)
    and issuers (``/ca/issuing.crt``, ``/ca/root.crt``).
    """

    root: x509.Certificate
    issuing: x509.Certificate
    root_key: PrivateKey
    issuing_key: PrivateKey
    address: str = DEFAULT_ADDRESS

    @classmethod
    def create(
        cls,
        kind: Literal["ECC", "RSA"] = "ECC",
        *,
        address: str = DEFAULT_ADDRESS,
    ) -> Self:
        """Make fresh keys, and certificates valid from 2021 to 2041."""
        key_type = KeyType.P384 if kind == "ECC" else KeyType.RSA2048
        root_key, issuing_key = generate_key(key_type), generate_key(key_type)
        root_name = _ca_name(f"SPECIMEN Kortilla Mock Root CA - {kind}")
        root = _ca_certificate(root_name, root_key, root_name, root_key, address=None)
        issuing = _ca_certificate(
            _ca_name(f"SPECIMEN Kortilla Mock Issuing CA - {kind}"),
            issuing_key,
            root_name,
            root_key,
            address=address,
        )
        return cls(root, issuing, root_key, issuing_key, address)

    @property
    def root_der(self) -> bytes:
        """The root CA's certificate."""
        return self.root.public_bytes(serialization.Encoding.DER)

    @property
    def issuing_der(self) -> bytes:
        """The issuing CA's certificate."""
        return self.issuing.public_bytes(serialization.Encoding.DER)

    def save(self, folder: Path) -> None:
        """Write ``root.der``, ``issuing.der`` and the keys beside them (mode 0600)."""
        write_atomically(folder / "root.der", self.root_der)
        write_atomically(folder / "issuing.der", self.issuing_der)
        write_atomically(folder / "root.key", private_key_der(self.root_key))
        write_atomically(folder / "issuing.key", private_key_der(self.issuing_key))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Load an authority from ``save``'s files, to issue leaves or revoke them.

        The address comes from the issuing CA's certificate.
        """
        issuing = x509.load_der_x509_certificate((folder / "issuing.der").read_bytes())
        return cls(
            x509.load_der_x509_certificate((folder / "root.der").read_bytes()),
            issuing,
            load_private_key((folder / "root.key").read_bytes()),
            load_private_key((folder / "issuing.key").read_bytes()),
            _address(issuing),
        )

    def issue(
        self,
        public_key: PublicKey,
        person: Person,
        purpose: Literal["authentication", "signature"],
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        policy: str = TEST_POLICY,
        null_parameters: bool = False,
        key_usage: bool = True,
    ) -> bytes:
        """Issue a leaf and return its encoding, which is not strict DER.

        By default it is valid for five years from yesterday. ``null_parameters`` adds
        the second defect to an ECC authority's signature. Without ``key_usage`` the
        extension is missing, which no real leaf may do.
        """
        start = not_before or datetime.now(UTC) - timedelta(days=1)
        end = not_after or start + timedelta(days=5 * 365)
        algorithm = self._signature_algorithm(null_parameters=null_parameters)
        # Encoded by hand to keep the defects: asn1crypto may re-encode.
        body = sequence(
            bytes.fromhex("A003020102"),  # version 3
            core.Integer(x509.random_serial_number()).dump(),
            algorithm,
            self.issuing.subject.public_bytes(),
            sequence(_time(start), _time(end)),
            _subject(person),
            public_key.public_bytes(
                serialization.Encoding.DER,
                serialization.PublicFormat.SubjectPublicKeyInfo,
            ),
            encode(
                0xA3,
                sequence(
                    *self._leaf_extensions(
                        public_key, purpose, policy, key_usage=key_usage
                    )
                ),
            ),
        )
        signature = _sign(self.issuing_key, body)
        return sequence(body, algorithm, encode(0x03, b"\0", signature))

    def answer_ocsp(
        self, request: bytes, *, revoked: Collection[int] = (), at: datetime
    ) -> bytes:
        """Answer an OCSP request in DER, about a leaf or about the issuing CA.

        ``revoked`` are the revoked serial numbers; all others are good. ``at`` is the
        answer's time. An authorised responder signs the answer, which contains the
        responder's certificate.
        """
        return answer_ocsp(request, self._responders, revoked=revoked, at=at)

    @functools.cached_property
    def _responders(self) -> tuple[Responder, Responder]:
        return (
            Responder.of(self.issuing, self.issuing_key),
            Responder.of(self.root, self.root_key),
        )

    def revoke(
        self,
        serial_numbers: Iterable[int],
        at: datetime,
        *,
        by: Literal["issuing", "root"] = "issuing",
    ) -> bytes:
        """Return the DER of a CRL, of the issuing CA or of the root.

        It expires with the CA, so that a test card stays revoked.
        """
        issuer, key = (
            (self.issuing, self.issuing_key)
            if by == "issuing"
            else (self.root, self.root_key)
        )
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(at)
            .next_update(_CA_END)
            .add_extension(_authority_key(issuer), critical=False)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for number in serial_numbers:
            revoked = (
                x509.RevokedCertificateBuilder()
                .serial_number(number)
                .revocation_date(at)
                .build()
            )
            builder = builder.add_revoked_certificate(revoked)
        ecc = isinstance(key, ec.EllipticCurvePrivateKey)
        algorithm = hashes.SHA384() if ecc else hashes.SHA256()
        return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)

    def _signature_algorithm(self, *, null_parameters: bool) -> bytes:
        if isinstance(self.issuing_key, rsa.RSAPrivateKey):
            return _SHA256_WITH_RSA
        return sequence(_ECDSA_WITH_SHA384, _NULL if null_parameters else b"")

    def _leaf_extensions(
        self, public_key: PublicKey, purpose: str, policy: str, *, key_usage: bool
    ) -> list[bytes]:
        kind = "RSA" if isinstance(public_key, rsa.RSAPublicKey) else "ECC"
        subject_key = x509.SubjectKeyIdentifier.from_public_key(public_key)
        policies = x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier(policy), None)]
        )
        extensions = [
            _extension("2.5.29.35", _authority_key(self.issuing).public_bytes()),
            _extension("2.5.29.14", subject_key.public_bytes()),
            _extension("2.5.29.32", policies.public_bytes()),
            _extension("2.5.29.19", _BASIC_CONSTRAINTS),
            _extension("2.5.29.31", _crl(self.address, "issuing").public_bytes()),
            _extension(
                "1.3.6.1.5.5.7.1.1", _access(self.address, "issuing").public_bytes()
            ),
        ]
        if key_usage:
            value = _KEY_USAGE[purpose, kind]
            extensions.insert(2, _extension("2.5.29.15", value, critical=True))
        if purpose == "signature":
            extensions.append(_extension("1.3.6.1.5.5.7.1.3", _QC_STATEMENTS))
        return extensions


def _sign(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA384()))


def _ca_name(common_name: str) -> x509.Name:
    organisation = r"OU=Mock cards\, for testing only,O=SPECIMEN Kortilla,C=FI"
    return x509.Name.from_rfc4514_string(f"CN={common_name},{organisation}")


def _ca_certificate(
    name: x509.Name,
    key: PrivateKey,
    issuer_name: x509.Name,
    issuer_key: PrivateKey,
    *,
    address: str | None,
) -> x509.Certificate:
    """Make a CA certificate. With an address it is the issuing CA's."""
    builder = ca_builder(
        name,
        key,
        issuer_name,
        issuer_key,
        not_before=_CA_START,
        not_after=_CA_END,
        path_length=0 if address else None,
    )
    if address:
        builder = builder.add_extension(_crl(address, "root"), critical=False)
        builder = builder.add_extension(_access(address, "root"), critical=False)
    digest = hashes.SHA384() if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(issuer_key, digest or hashes.SHA256())


def ca_builder(
    name: x509.Name,
    key: PrivateKey,
    issuer_name: x509.Name,
    issuer_key: PrivateKey,
    *,
    not_before: datetime,
    not_after: datetime,
    path_length: int | None,
) -> x509.CertificateBuilder:
    """Return a certificate of a CA, which ``sign`` completes with the issuer's key."""
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(
            x509.BasicConstraints(ca=True, path_length=path_length), critical=True
        )
        .add_extension(key_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        identifier.value
    )


def _address(issuing: x509.Certificate) -> str:
    """Return the address in the issuing CA's certificate; see ``_crl``."""
    [point] = issuing.extensions.get_extension_for_class(
        x509.CRLDistributionPoints
    ).value
    [name] = point.full_name or []
    return str(name.value).removesuffix("/crl/root.crl")


def _crl(address: str, issuer: str) -> x509.CRLDistributionPoints:
    url = x509.UniformResourceIdentifier(f"{address}/crl/{issuer}.crl")
    return x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)])


def _access(address: str, issuer: str) -> x509.AuthorityInformationAccess:
    methods = {
        AuthorityInformationAccessOID.OCSP: f"{address}/ocsp/{issuer}",
        AuthorityInformationAccessOID.CA_ISSUERS: f"{address}/ca/{issuer}.crt",
    }
    return x509.AuthorityInformationAccess(
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, url in methods.items()
    )


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return sequence(
        core.ObjectIdentifier(oid).dump(),
        b"\x01\x01\xff" if critical else b"",
        encode(0x04, value),
    )


def _time(moment: datetime) -> bytes:
    """RFC 5280 §4.1.2.5: UTCTime through 2049, in whole seconds."""
    name = "utc_time" if moment.year < 2050 else "general_time"
    der: bytes = asn1_x509.Time(name=name, value=moment.replace(microsecond=0)).dump()
    return der


def _subject(person: Person) -> bytes:
    """The subject; see docs/reference/certificates.md, "Profile"."""
    common_name = f"{person.surname} {person.given_name} {person.satu}"
    attributes = (
        ("country_name", "printable_string", "FI"),
        ("serial_number", "printable_string", person.satu),
        ("given_name", "utf8_string", person.given_name),
        ("surname", "utf8_string", person.surname),
        ("common_name", "utf8_string", common_name),
    )
    der: bytes = asn1_x509.Name(
        name="",
        value=[
            [
                {
                    "type": attribute,
                    "value": asn1_x509.DirectoryString(name=string, value=text),
                }
            ]
            for attribute, string, text in attributes
        ],
    ).dump()
    return der
