# SPDX-License-Identifier: MIT
"""The CAs that a service trusts. They are compared as whole certificates.

The package contains no CA certificates. A service loads the authority's files, and
production trust accepts a file only if its SHA-256 fingerprint is in ``PINS``.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from asn1crypto import pem, x509
from cryptography import x509 as cryptography_x509
from cryptography.exceptions import InvalidSignature

from kortilla.common.files import read_regular
from kortilla.errors import TrustConfigurationError
from kortilla.revocation import der
from kortilla.revocation.certificates import same_name
from kortilla.revocation.signatures import verify
from kortilla.validation.identity import common_name
from kortilla.validation.leaf import ExactCertificate, Leaf
from kortilla.validation.pinned_cas import PINS, configured_pins

#: Certificate policies of Citizen Certificates, and of test cards (with all below).
PRODUCTION_POLICIES = (
    "1.2.246.517.1.10.352.1",  # DVV Citizen Certificates - G4E
    "1.2.246.517.1.10.301.1",  # DVV Citizen Certificates - G4R
    "1.2.246.517.1.10.201.1",  # VRK Gov. CA for Citizen Certificates - G3
)
TEST_POLICIES = ("1.2.246.517.99",)

#: A CA certificate has about 2 KB; a much longer file is something else.
MAX_FILE_BYTES = 64 * 1024

#: With four arcs at least: a shorter one would allow most policies there are.
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*)){3,}")

_PINNED = {pin.sha256: pin for pin in PINS}


@dataclass(frozen=True)
class IssuingCA:
    """An issuing CA, and the root that signed it if that was given."""

    certificate: x509.Certificate
    root: x509.Certificate | None

    def __repr__(self) -> str:
        root = "" if self.root is None else f", root={_name(self.root)!r}"
        return f"IssuingCA({_name(self.certificate)!r}{root})"

    @cached_property
    def name(self) -> bytes:
        """The CA's name in DER."""
        encoded: bytes = self.certificate.subject.dump()
        return encoded

    @cached_property
    def common_name(self) -> str:
        """The name in identities. Raises ``UserCertificateParseError``."""
        return common_name(self.name)

    @cached_property
    def validity(self) -> tuple[datetime, datetime]:
        """When both CA and root are valid: the later start and the earlier end."""
        known = [each for each in (self.certificate, self.root) if each is not None]
        return (
            max(each.not_valid_before for each in known),
            min(each.not_valid_after for each in known),
        )

    def has_key(self, identifier: bytes | None) -> bool:
        """Return whether a leaf that names a key by its identifier can mean this CA's.

        A leaf may name none (None), and a CA may state none.
        """
        own = self._key_identifier
        return own is None or identifier is None or own == identifier

    def has_signed(self, leaf: Leaf) -> bool:
        try:
            verify(self._key, leaf.algorithm, leaf.signature, leaf.signed)
        except Exception:  # also if nobody can read the key of a test CA
            return False
        return True

    @cached_property
    def _key(self) -> bytes:
        encoded: bytes = self.certificate.public_key.dump()
        return encoded

    @cached_property
    def _key_identifier(self) -> bytes | None:
        identifier: bytes | None = self.certificate.key_identifier
        return identifier


def _name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.human_friendly)


@dataclass(frozen=True)
class Trust:
    """The issuing CAs whose Citizen Certificates a service accepts.

    Make it with ``from_files``, ``from_folder`` or ``from_certificates``. Only
    ``issuers`` may have issued a leaf. A root is used for the validity of its issuing
    CA, and accepts no leaf.

    ``pins`` are SHA-256 fingerprints (hexadecimal) of further CAs, and ``policies``
    dotted OIDs of further policies: a new CA of the authority need not wait for a
    release of this package. The operator vouches for them.
    """

    issuers: tuple[IssuingCA, ...]
    test: bool
    policies: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Trust({list(self.issuers)}, test={self.test})"

    @classmethod
    def from_folder(
        cls,
        folder: Path | str,
        *,
        test: bool = False,
        pins: Iterable[str] = (),
        policies: Iterable[str] = (),
    ) -> Self:
        """Trust the CA certificates in a folder: ``*.der *.crt *.cer *.pem``."""
        files = certificate_files(Path(folder))
        if not files:
            wanted = "certificate file (.der .crt .cer .pem) in"
            missing = wanted if Path(folder).is_dir() else "folder"
            raise TrustConfigurationError(
                f"There is no {missing} {folder}. `kortilla-server trust update` "
                "fetches the authority's certificates."
            )
        return cls.from_files(files, test=test, pins=pins, policies=policies)

    @classmethod
    def from_files(
        cls,
        files: Iterable[Path | str],
        *,
        test: bool = False,
        pins: Iterable[str] = (),
        policies: Iterable[str] = (),
    ) -> Self:
        """Trust the CA certificates in these DER or PEM files, one in each."""
        contents = []
        for file in files:
            try:
                content = read_regular(Path(file), MAX_FILE_BYTES + 1)
            except OSError as error:
                raise TrustConfigurationError(
                    f"The CA file {file} can't be read: {error.strerror}."
                ) from error
            contents.append((str(file), content))
        return cls._build(contents, test=test, pins=pins, policies=policies)

    @classmethod
    def from_certificates(
        cls,
        certificates: Iterable[bytes],
        *,
        test: bool = False,
        pins: Iterable[str] = (),
        policies: Iterable[str] = (),
    ) -> Self:
        """Trust these CA certificates, DER or PEM.

        Production trust demands a pinned fingerprint for each. With ``test``, any CA
        and test policies are accepted: never use it where real people log in. Raises
        ``TrustConfigurationError``.
        """
        named = [(f"number {i}", c) for i, c in enumerate(certificates, start=1)]
        return cls._build(named, test=test, pins=pins, policies=policies)

    @classmethod
    def _build(
        cls,
        contents: list[tuple[str, bytes]],
        *,
        test: bool,
        pins: Iterable[str],
        policies: Iterable[str],
    ) -> Self:
        more = {pin.sha256 for pin in configured_pins(pins)}
        allowed = tuple(policies)
        _check_policies(allowed, test=test)
        issuers: dict[bytes, x509.Certificate] = {}
        roots: dict[bytes, x509.Certificate] = {}
        for name, content in contents:
            certificate = load_ca(name, content)
            role = _role(name, certificate, test=test, more=more)
            if role == "root":
                roots[certificate.sha256] = certificate
            elif role == "citizen":
                issuers[certificate.sha256] = certificate
        if not issuers:
            raise TrustConfigurationError(
                "None of the certificates is an issuing CA of Citizen Certificates; "
                "a root alone accepts nobody."
            )
        return cls(
            tuple(
                IssuingCA(ca, _root_of(ca, roots.values())) for ca in issuers.values()
            ),
            test,
            allowed,
        )

    def allowed_policy(self, policies: Iterable[str]) -> str | None:
        """Return the first allowed policy (dotted OID) of a leaf, or None.

        Production trust refuses a leaf that also has a test policy.
        """
        policies = list(policies)
        allowed = PRODUCTION_POLICIES + self.policies
        if self.test:
            allowed += TEST_POLICIES
        elif has_test_policy(policies):
            return None
        return next((policy for policy in policies if _below(policy, allowed)), None)

    def issuer_of(self, leaf: Leaf) -> IssuingCA | None:
        """Return the CA that a leaf names and whose key signed it, or None."""
        for issuer in self._named(leaf.issuer):
            if issuer.has_signed(leaf):
                return issuer
        return None

    def issuers_of(self, certificate: x509.Certificate) -> list[IssuingCA]:
        """Return the CAs that a certificate names, by name and key identifier.

        There are several only if one name has several keys. Only verifying the
        signature tells which of them issued it.
        """
        key = certificate.authority_key_identifier
        named = self._named(certificate.issuer.dump())
        return [issuer for issuer in named if issuer.has_key(key)]

    def _named(self, name: bytes) -> tuple[IssuingCA, ...]:
        """Return the CAs with this name (in DER)."""
        found = self._by_name.get(name)
        if found is None:  # or in another encoding, which takes long to compare
            try:
                der.outline(name)
                found = tuple(ca for ca in self.issuers if same_name(ca.name, name))
            except Exception:  # asn1crypto raises any exception on odd input
                return ()
        return found

    @cached_property
    def _by_name(self) -> dict[bytes, tuple[IssuingCA, ...]]:
        found: dict[bytes, tuple[IssuingCA, ...]] = {}
        for issuer in self.issuers:
            found[issuer.name] = (*found.get(issuer.name, ()), issuer)
        return found


def has_test_policy(policies: Iterable[str]) -> bool:
    """Return whether a policy (dotted OID) of a certificate is a test card's."""
    return any(_below(policy, TEST_POLICIES) for policy in policies)


def certificate_files(folder: Path) -> list[Path]:
    """Return a folder's certificate files, by name: ``*.der *.crt *.cer *.pem``."""
    return [
        file
        for file in sorted(folder.glob("*"))
        if file.suffix.lower() in {".der", ".crt", ".cer", ".pem"}
    ]


def certificate_der(content: bytes) -> bytes:
    """Return a certificate's DER encoding, of DER or PEM. Raises ``ValueError``."""
    if len(content) > MAX_FILE_BYTES:
        raise ValueError("too long for a certificate")
    try:
        if pem.detect(content):
            _, _, content = pem.unarmor(content)
        x509.Certificate.load(content, strict=True).not_valid_after  # noqa: B018 - reading is the check
    except Exception as error:  # asn1crypto raises any exception
        raise ValueError("not a certificate") from error
    return content


def read_certificate(file: Path) -> bytes:
    """Return the DER encoding of a file's certificate.

    Raises ``OSError`` as ``read_regular``, and ``ValueError`` as ``certificate_der``.
    """
    return certificate_der(read_regular(file, MAX_FILE_BYTES + 1))


def _root_of(
    issuer: x509.Certificate, roots: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    child = cryptography_x509.load_der_x509_certificate(issuer.dump())
    for root in roots:
        parent = cryptography_x509.load_der_x509_certificate(root.dump())
        try:
            child.verify_directly_issued_by(parent)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return root
    return None


def _below(policy: str, roots: tuple[str, ...]) -> bool:
    return any(policy == root or policy.startswith(root + ".") for root in roots)


def _check_policies(policies: tuple[str, ...], *, test: bool) -> None:
    for policy in policies:
        if _OID.fullmatch(policy) is None:
            raise TrustConfigurationError(
                f"{policy!r} is not a dotted OID of a policy."
            )
        if not test and any(
            _below(one, (other,))
            for other in TEST_POLICIES
            for one, other in ((policy, other), (other, policy))
        ):
            raise TrustConfigurationError(
                f"The policy {policy} is that of test cards, which need test=True."
            )


def load_ca(name: str, content: bytes) -> x509.Certificate:
    """Return a CA's certificate, DER or PEM. Raises ``TrustConfigurationError``."""
    try:
        content = certificate_der(content)
        certificate: x509.Certificate = ExactCertificate.load(content, strict=True)
        usage = certificate.key_usage_value
        may_sign = usage is None or "key_cert_sign" in usage.native
        is_ca = bool(certificate.ca) and may_sign
        if is_ca:
            # CA certificates are strict DER, unlike leaves: cryptography parses them.
            cryptography_x509.load_der_x509_certificate(content).extensions  # noqa: B018 - reading is the check
    except (ValueError, TypeError) as error:
        raise TrustConfigurationError(
            f"The CA file {name} is not one certificate in DER or PEM."
        ) from error
    if not is_ca:
        raise TrustConfigurationError(f"The certificate {name} is not a CA's.")
    return certificate


def _role(
    name: str, certificate: x509.Certificate, *, test: bool, more: Collection[str]
) -> Literal["citizen", "root", "other"]:
    fingerprint = hashlib.sha256(certificate.dump()).hexdigest()
    pin = _PINNED.get(fingerprint)
    if pin is None and (test or fingerprint in more):
        return "root" if certificate.self_issued else "citizen"
    if test and pin is not None:
        return pin.role
    if pin is None:
        raise TrustConfigurationError(
            f"The certificate {name} is not one of the authority's: its SHA-256 "
            "fingerprint is not pinned. A test CA needs test=True. A new CA of the "
            "authority needs pins=…, with the fingerprint that the authority publishes."
        )
    if pin.test:
        raise TrustConfigurationError(
            f"The certificate {name} is the test CA {pin.name}, which needs test=True."
        )
    return pin.role
