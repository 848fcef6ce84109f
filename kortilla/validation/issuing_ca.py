# SPDX-License-Identifier: MIT
"""An issuing CA with everything precomputed for validating its certificates."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from asn1crypto import algos, keys, x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.name_trees import (
    default_excluded_subtrees,
    default_permitted_subtrees,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    AlgorithmUsageConstraint,
    AlgorithmUsagePolicy,
    PKIXValidationParams,
)
from pyhanko_certvalidator.sig_validate import (
    DefaultSignatureValidator,
    SignatureValidationContext,
)
from pyhanko_certvalidator.validate import async_validate_path

from kortilla.revocation import der
from kortilla.validation.identity import common_name

__all__ = ["IssuingCA"]

_ECDSA: dict[str, hashes.HashAlgorithm] = {
    "sha256_ecdsa": hashes.SHA256(),
    "sha384_ecdsa": hashes.SHA384(),
    "sha512_ecdsa": hashes.SHA512(),
}
_RSA: dict[str, hashes.HashAlgorithm] = {
    "sha256_rsa": hashes.SHA256(),
    "sha384_rsa": hashes.SHA384(),
    "sha512_rsa": hashes.SHA512(),
}
_HASHES = {hash_algorithm.name for hash_algorithm in _ECDSA.values()}


@dataclass(frozen=True)
class IssuingCA:
    """An issuing CA, and the root that signed it if that was given."""

    certificate: x509.Certificate
    root: x509.Certificate | None

    def __repr__(self) -> str:
        root = "" if self.root is None else f", root={_name(self.root)!r}"
        return f"IssuingCA({_name(self.certificate)!r}{root})"

    def may_have_issued(self, leaf: x509.Certificate) -> bool:
        """Return whether a leaf names this CA, and this key if it names a key."""
        return bool(self._anchor.authority.is_potential_issuer_of(leaf))

    @cached_property
    def name(self) -> bytes:
        """The CA's name in DER."""
        encoded: bytes = self.certificate.subject.dump()
        return encoded

    @cached_property
    def common_name(self) -> str:
        """The name in identities. Raises ``UserCertificateParseError``."""
        return common_name(self.certificate.subject)

    @cached_property
    def authority_key(self) -> bytes | None:
        """The extension in DER that names this CA's key in a leaf, by identifier."""
        identifier: bytes | None = self.certificate.key_identifier
        if identifier is None:
            return None
        value = der.encode(der.SEQUENCE, der.encode(_KEY_IDENTIFIER, identifier))
        return der.encode(
            der.SEQUENCE, _AUTHORITY_KEY, der.encode(der.OCTET_STRING, value)
        )

    def is_valid(self, at: datetime) -> bool:
        """Return whether the CA, and its root if that is known, are valid at a time."""
        start, end = self._validity
        return start <= at <= end

    @cached_property
    def _validity(self) -> tuple[datetime, datetime]:
        known = [each for each in (self.certificate, self.root) if each is not None]
        return (
            max(each.not_valid_before for each in known),
            min(each.not_valid_after for each in known),
        )

    def has_signed(self, signed: bytes, algorithm: bytes, signature: bytes) -> bool:
        """Return whether a signature is this CA's.

        ``algorithm`` is an AlgorithmIdentifier in DER: ECDSA, or RSA with PKCS #1 v1.5,
        and a hash of SHA-2. For any other one the answer is False.
        """
        return self._key.has_signed(signed, algorithm, signature)

    async def validate_path(self, leaf: x509.Certificate, *, at: datetime) -> None:
        """Validate the path of this CA and a leaf (RFC 5280 §6.1).

        Revocation and purpose are not checked. Raises the errors of
        pyhanko-certvalidator, and any other for an algorithm that does not fit the key.
        """
        # A context caches what it validated, so each path has its own. It has no roots
        # to build other paths from.
        context = ValidationContext(
            trust_roots=[],
            moment=at,
            allow_fetching=False,
            revocation_mode="none",
            algorithm_usage_policy=_ALGORITHMS,
            signature_validator=self._key,
        )
        await async_validate_path(
            context, ValidationPath(self._anchor, [], leaf), _PARAMETERS
        )

    @cached_property
    def _anchor(self) -> CertTrustAnchor:
        return CertTrustAnchor(self.certificate)

    @cached_property
    def _key(self) -> "_IssuersKey":
        return _IssuersKey(self.certificate)


def _name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.human_friendly)


class _Algorithms(AlgorithmUsagePolicy):
    """Certificates are signed with ECDSA or RSA, and a hash of SHA-2."""

    def signature_algorithm_allowed(
        self,
        algo: algos.SignedDigestAlgorithm,
        moment: datetime | None,
        public_key: keys.PublicKeyInfo | None,
    ) -> AlgorithmUsageConstraint:
        name = algo["algorithm"].native
        return AlgorithmUsageConstraint(
            name in _ECDSA
            or name in _RSA
            or (name == "rsassa_pss" and algo.hash_algo in _HASHES)
        )


_ALGORITHMS = _Algorithms()
#: RFC 5280 §6.1.1: the initial inputs of a path, made once.
_PARAMETERS = PKIXValidationParams(
    initial_permitted_subtrees=default_permitted_subtrees(),
    initial_excluded_subtrees=default_excluded_subtrees(),
)
_CONTEXT = SignatureValidationContext()


def _identifiers(
    arc: str, hashes_by_number: dict[int, hashes.HashAlgorithm], *parameters: bytes
) -> dict[bytes, hashes.HashAlgorithm]:
    """Return AlgorithmIdentifiers in DER, of the OIDs right below an arc."""
    return {
        der.encode(
            der.SEQUENCE,
            der.encode(der.OID, bytes.fromhex(arc) + bytes((number,))),
            each,
        ): hash_algorithm
        for number, hash_algorithm in hashes_by_number.items()
        for each in parameters
    }


_NULL = bytes.fromhex("0500")
#: The arguments of ``verify`` by AlgorithmIdentifier: ecdsa-with-SHA256 to 512
#: (RFC 5758 §3.2). FINEID leaves of 2023 have NULL parameters.
_ECDSA_SCHEMES: dict[bytes, tuple[Any, ...]] = {
    identifier: (ec.ECDSA(hash_algorithm),)
    for identifier, hash_algorithm in _identifiers(
        "2A8648CE3D0403",
        {2: hashes.SHA256(), 3: hashes.SHA384(), 4: hashes.SHA512()},
        b"",
        _NULL,
    ).items()
}
#: sha256WithRSAEncryption to 512 (RFC 4055 §5).
_RSA_SCHEMES: dict[bytes, tuple[Any, ...]] = {
    identifier: (padding.PKCS1v15(), hash_algorithm)
    for identifier, hash_algorithm in _identifiers(
        "2A864886F70D0101",
        {11: hashes.SHA256(), 12: hashes.SHA384(), 13: hashes.SHA512()},
        _NULL,
    ).items()
}
_AUTHORITY_KEY = bytes.fromhex("0603551D23")  # its OID
_KEY_IDENTIFIER = 0x80


class _IssuersKey(DefaultSignatureValidator):
    """Verifies signatures of one issuing CA, whose key is read once."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self._encoded = certificate.public_key.dump()
        # Typed as any, since the schemes below fit the key.
        self._key: Any = load_der_public_key(self._encoded)
        self._schemes: dict[bytes, tuple[Any, ...]] = {}
        if isinstance(self._key, ec.EllipticCurvePublicKey):
            self._schemes = _ECDSA_SCHEMES
        elif isinstance(self._key, rsa.RSAPublicKey):
            self._schemes = _RSA_SCHEMES

    def has_signed(self, signed: bytes, algorithm: bytes, signature: bytes) -> bool:
        """See ``IssuingCA.has_signed``."""
        scheme = self._schemes.get(algorithm)
        if scheme is None:
            return False
        try:
            self._key.verify(signature, signed, *scheme)
        except InvalidSignature:
            return False
        return True

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = _CONTEXT,
    ) -> None:
        name, key = signature_algorithm["algorithm"].native, self._key
        if public_key_info.dump() != self._encoded:
            raise ValueError("a path with another key than its issuing CA's")
        if name in _ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed_data, ec.ECDSA(_ECDSA[name]))
        elif name in _RSA and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed_data, padding.PKCS1v15(), _RSA[name])
        else:
            super().validate_signature(
                signature, signed_data, public_key_info, signature_algorithm, context
            )
