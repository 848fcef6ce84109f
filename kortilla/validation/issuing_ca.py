# SPDX-License-Identifier: MIT
"""An issuing CA with everything precomputed for validating its certificates."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from asn1crypto import algos, keys, x509
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


class _IssuersKey(DefaultSignatureValidator):
    """Verifies signatures of one issuing CA, whose key is read once."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self._encoded = certificate.public_key.dump()
        self._key = load_der_public_key(self._encoded)

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
