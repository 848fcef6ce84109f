# SPDX-License-Identifier: MIT
"""Finds a recipient's part of a message, and the content's key in it.

Each fault in that part ends in the one error after the content, which the caller
decrypts with a random key (RFC 3218).
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from asn1crypto import algos, cms, core, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kortilla.common.escaping import printable
from kortilla.encryption.algorithms import (
    CONTENT_CIPHERS,
    KEY_AGREEMENTS,
    KEY_WRAPS,
    OAEP_PADDINGS,
    PASSWORD_WRAP,
    PBKDF2,
    DecryptionKey,
    RsaPadding,
    derive_key,
    unsupported,
    unwrap_by_password,
)
from kortilla.encryption.recipients import password_key, public_key
from kortilla.errors import (
    EncryptionUnsupportedError,
    NotEncryptedError,
    OtherRecipientError,
    PasswordTooSlowError,
)

#: So a file can't keep a computer busy by PBKDF2.
_MAX_ITERATIONS = 2_000_000
MAX_RECIPIENTS = 1000
_MAX_NAME = 300
_PASSWORD_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - only read: OpenSSL's default
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
#: Returns the content's key, or None. It raises only what a key raises.
_Unwrap = Callable[[], bytes | None]
_TOO_MANY = "The message has too many recipients."
_UNSUPPORTED = "The message is encrypted to this recipient in an unknown way."


class Recipients:
    """The recipients that a message names.

    ``encoded`` is its RecipientInfos. Raises ``NotEncryptedError``, and
    ``EncryptionUnsupportedError`` for too many.
    """

    def __init__(self, encoded: bytes) -> None:
        try:
            infos = cms.RecipientInfos.load(encoded, strict=True)
            if len(infos) > MAX_RECIPIENTS:
                raise EncryptionUnsupportedError(_TOO_MANY)
            self._infos = [each.chosen for each in infos]
            self.names = tuple(islice(_names(self._infos), MAX_RECIPIENTS + 1))
            if len(self.names) > MAX_RECIPIENTS:
                raise EncryptionUnsupportedError(_TOO_MANY)
        except EncryptionUnsupportedError:
            raise
        except Exception as error:
            # asn1crypto raises any exception on odd input.
            raise NotEncryptedError("the recipients can't be read") from error

    @property
    def password(self) -> bool:
        """Whether a password decrypts the message."""
        return any(isinstance(each, cms.PasswordRecipientInfo) for each in self._infos)

    def key_for(self, key: DecryptionKey | str, size: int) -> bytes | None:
        """Return the content's key of ``size`` bytes, or None for any fault.

        ``key`` is a recipient's key, or a password. Only the first part for a recipient
        counts: a card is asked once. Raises ``OtherRecipientError`` if there is none,
        ``EncryptionUnsupportedError``, and what the key raises.
        """
        certificate = b"" if isinstance(key, str) else key.certificate
        try:
            unwrap = (
                self._by_password(key)
                if isinstance(key, str)
                else self._by_certificate(key, certificate, size)
            )
        except (EncryptionUnsupportedError, OtherRecipientError):
            raise
        except Exception:
            # asn1crypto raises any exception on odd input.
            unwrap = _nothing
        found = unwrap()
        return found if found is not None and len(found) == size else None

    def _by_certificate(self, key: DecryptionKey, der: bytes, size: int) -> _Unwrap:
        certificate = x509.Certificate.load(der)
        for info in self._infos:
            if isinstance(info, cms.KeyTransRecipientInfo):
                if _is_for(info["rid"], certificate):
                    return _transported(info, key, size)
            elif isinstance(info, cms.KeyAgreeRecipientInfo):
                for each in info["recipient_encrypted_keys"]:
                    if _is_for(each["rid"], certificate):
                        wrapped = each["encrypted_key"].native
                        return _agreed(info, wrapped, key, certificate)
        raise OtherRecipientError(self.names, password=self.password)

    def _by_password(self, password: str) -> _Unwrap:
        for info in self._infos:
            if isinstance(info, cms.PasswordRecipientInfo):
                return _by_password(info, password)
        raise OtherRecipientError(self.names, password=False)


def _nothing() -> None:
    return None


def _names(infos: list[core.Asn1Value]) -> Iterator[str]:
    for info in infos:
        if isinstance(info, cms.KeyTransRecipientInfo):
            yield _name(info["rid"])
        elif isinstance(info, cms.KeyAgreeRecipientInfo):
            yield from (_name(each["rid"]) for each in info["recipient_encrypted_keys"])


def _name(identifier: core.Choice) -> str:
    chosen = identifier.chosen
    if isinstance(chosen, cms.IssuerAndSerialNumber):
        return shown_identity(chosen["issuer"], chosen["serial_number"].native)
    return f"keyid:{_key_identifier(chosen).hex().upper()[:_MAX_NAME]}"


def shown_identity(issuer: x509.Name, serial: int) -> str:
    """Return a certificate's issuer and serial number, which may be anybody's words."""
    name = printable(issuer.human_friendly[:_MAX_NAME])
    return f"{name}, {serial:X}"[-2 * _MAX_NAME :]


def _key_identifier(chosen: core.Asn1Value) -> bytes:
    if isinstance(chosen, core.Sequence):
        chosen = chosen[0]
    found: bytes = chosen.native
    return found


def _is_for(identifier: core.Choice, certificate: x509.Certificate) -> bool:
    chosen = identifier.chosen
    if isinstance(chosen, cms.IssuerAndSerialNumber):
        return bool(
            chosen["serial_number"].native == certificate.serial_number
            and chosen["issuer"] == certificate.issuer
        )
    return bool(certificate.key_identifier == _key_identifier(chosen))


def _transported(
    info: cms.KeyTransRecipientInfo, key: DecryptionKey, size: int
) -> _Unwrap:
    algorithm = info["key_encryption_algorithm"]
    identifier = algorithm["algorithm"].native
    encrypted = info["encrypted_key"].native
    if identifier == "rsaes_oaep":
        return partial(key.decrypt, encrypted, _oaep(algorithm["parameters"]))
    if identifier != "rsaes_pkcs1v15":
        raise unsupported("key transport", algorithm["algorithm"].dotted)

    def unwrap() -> bytes:
        # Nobody may learn of one try whether the padding was right. So a random key
        # counts as the content's (RFC 3218 §2.3.2), also where it fits CBC's padding.
        other = os.urandom(size)
        found = key.decrypt(encrypted, RsaPadding.PKCS1)
        return found if found is not None and len(found) == size else other

    return unwrap


def _oaep(parameters: algos.RSAESOAEPParams) -> RsaPadding:
    function = parameters["hash_algorithm"]["algorithm"].native
    mask = parameters["mask_gen_algorithm"]
    mask_function = algos.DigestAlgorithm.load(mask["parameters"].dump())
    label = parameters["p_source_algorithm"]["parameters"].native
    if (
        function not in OAEP_PADDINGS
        or mask["algorithm"].native != "mgf1"
        or mask_function["algorithm"].native != function
        or label
    ):
        raise EncryptionUnsupportedError(_UNSUPPORTED)
    return OAEP_PADDINGS[function]


def _agreed(
    info: cms.KeyAgreeRecipientInfo,
    wrapped: bytes,
    key: DecryptionKey,
    certificate: x509.Certificate,
) -> _Unwrap:
    algorithm = info["key_encryption_algorithm"]
    scheme = algorithm["algorithm"].dotted
    wrap = cms.KeyEncryptionAlgorithm.load(algorithm["parameters"].dump())
    size = KEY_WRAPS.get(wrap["algorithm"].dotted)
    originator = info["originator"]
    if (
        scheme not in KEY_AGREEMENTS
        or size is None
        or originator.name != "originator_key"
    ):
        raise EncryptionUnsupportedError(_UNSUPPORTED)
    point = _on_curve(originator.chosen["public_key"].native, certificate)
    ukm = info["ukm"].native

    def unwrap() -> bytes | None:
        shared = key.agree(point)
        if shared is None:
            return None
        wrapping = derive_key(shared, KEY_AGREEMENTS[scheme], wrap, size, ukm)
        try:
            return aes_key_unwrap(wrapping, wrapped)
        except InvalidUnwrap:
            return None

    return unwrap


def _on_curve(point: bytes, certificate: x509.Certificate) -> bytes:
    """Return a point, uncompressed. Raises ``ValueError``, as for infinity.

    A point off the curve would reveal a part of the private key.
    """
    key = public_key(certificate)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("a key of another kind")
    found = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point)
    return found.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _by_password(info: cms.PasswordRecipientInfo, password: str) -> _Unwrap:
    derivation = info["key_derivation_algorithm"]
    algorithm = info["key_encryption_algorithm"]
    if (
        derivation["algorithm"].dotted != PBKDF2
        or algorithm["algorithm"].dotted != PASSWORD_WRAP
    ):
        raise EncryptionUnsupportedError(_UNSUPPORTED)
    wrap = algos.EncryptionAlgorithm.load(algorithm["parameters"].dump())
    cipher = CONTENT_CIPHERS.get(wrap["algorithm"].dotted)
    parameters = algos.Pbkdf2Params.load(derivation["parameters"].dump())
    iterations = parameters["iteration_count"].native
    prf = _PASSWORD_HASHES.get(parameters["prf"]["algorithm"].native)
    salt = parameters["salt"]
    if (
        cipher is None
        or cipher.authenticated
        or prf is None
        or iterations < 1
        or salt.name != "specified"
    ):
        raise EncryptionUnsupportedError(_UNSUPPORTED)
    if iterations > _MAX_ITERATIONS:
        raise PasswordTooSlowError("The message's password takes too long to try.")
    size = cipher.key_size
    wrapping = password_key(password, salt.chosen.native, iterations, prf, size)
    iv = core.OctetString.load(wrap["parameters"].dump()).native
    return partial(unwrap_by_password, wrapping, info["encrypted_key"].native, iv)
