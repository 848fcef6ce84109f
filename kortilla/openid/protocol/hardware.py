# SPDX-License-Identifier: MIT
"""Signing keys in a PKCS#11 token, such as a hardware security module (extra ``hsm``).

A key is made in the token and never leaves it. The file of keys has its public part,
and its id in the token (CKA_ID) is its ``kid``.
"""

import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

import pkcs11
from cryptography.hazmat.primitives.asymmetric import padding as paddings
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc.jwk import ECKey, RSAKey
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, TokenFlag
from pkcs11.types import SignMixin
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters
from pkcs11.util.rsa import encode_rsa_public_key

from kortilla.common import JsonObject
from kortilla.errors import ConfigurationError, StoreUnavailableError

T = TypeVar("T")

#: The environment's name for the PIN, where no file has it.
PIN_VARIABLE = "KORTILLA_PKCS11_PIN"

#: How the labels of our keys begin: no others are destroyed.
_LABEL = "kortilla-openid"
_RSA_BITS = 2048
_SHA256_BYTES = 32
_PIN_REFUSED = (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange)


class KeyUnavailableError(StoreUnavailableError):
    """The token that has the signing key can't be used now."""


class Token:
    """One token. Any thread may call it; the calls wait for each other.

    After an error the next call begins anew, so that a token that was away is used
    again. A PIN that was refused is not tried again, since tokens lock themselves.
    """

    def __init__(self, module: str, label: str, pin_file: Path | None) -> None:
        self._module = module
        self._label = label
        self._pin_file = pin_file
        self._lock = threading.RLock()
        self._library: Any = None
        self._session: pkcs11.Session | None = None
        self._keys: dict[str, pkcs11.PrivateKey] = {}
        self._refused: str | None = None

    def key(self, content: JsonObject) -> "RSAKey | ECKey":
        """Return a key of the token, of its public JWK."""
        kind = _HardwareRSAKey if content["kty"] == "RSA" else _HardwareECKey
        key = kind.import_key(content)
        key.token = self
        return key

    def sign(self, kid: str, data: bytes, *, pss: bool = False) -> bytes:
        """Sign data with SHA-256: RSA as in RFC 8017, EC as r and s.

        Raises ``KeyUnavailableError``.
        """
        with self._lock:
            if self._session is not None:
                # It may have ended while the token was away.
                with contextlib.suppress(KeyUnavailableError):
                    return self._sign(kid, data, pss=pss)
            return self._sign(kid, data, pss=pss)

    def generate(self, algorithm: str) -> "RSAKey | ECKey":
        """Make a new key for a JWS algorithm. Raises ``KeyUnavailableError``."""
        with self._lock:
            session = self._open(writing=True)
            return self.key(self._calling(lambda: _generate(session, algorithm)))

    def destroy(self, kids: Iterable[str]) -> None:
        """Destroy these keys where they are ours. Raises ``KeyUnavailableError``."""
        with self._lock:
            session = self._open(writing=True)
            self._calling(lambda: _destroy(session, kids))
            self._forget()

    def close(self) -> None:
        """End the session. The next call begins another."""
        with self._lock:
            self._forget()

    def _open(self, *, writing: bool = False) -> pkcs11.Session:
        """Return the session. Raises as ``sign``, and ``ConfigurationError``."""
        if self._session is not None and self._session.rw >= writing:
            return self._session
        self._forget()
        pin = self._pin()
        if pin == self._refused:
            raise KeyUnavailableError(f"token {self._label}: its PIN was refused")
        session = self._calling(lambda: self._log_in(pin, writing=writing))
        self._keys = self._calling(lambda: _private_keys(session))
        self._session = session
        return session

    def _log_in(self, pin: str, *, writing: bool) -> pkcs11.Session:
        self._library = pkcs11.lib(self._module)
        token = self._library.get_token(token_label=self._label)
        if token.flags & (TokenFlag.USER_PIN_FINAL_TRY | TokenFlag.USER_PIN_LOCKED):
            raise KeyUnavailableError(
                f"token {self._label}: it is locked, or one more wrong PIN locks it: "
                "log in with its own tool first"
            )
        try:
            return cast(pkcs11.Session, token.open(user_pin=pin, rw=writing))
        except pkcs11.UserAlreadyLoggedIn:  # by another provider in this process
            return cast(pkcs11.Session, token.open(rw=writing))
        except _PIN_REFUSED:
            self._refused = pin
            raise

    def _sign(self, kid: str, data: bytes, *, pss: bool) -> bytes:
        self._open()
        if kid not in self._keys:
            self._forget()  # it may have been made since
            self._open()
        key = self._keys.get(kid)
        if key is None:
            raise KeyUnavailableError(f"token {self._label}: it has no key {kid}")
        return self._calling(lambda: _signature(key, data, pss=pss))

    def _calling(self, call: Callable[[], T]) -> T:
        """Call the token. An error of it ends the session."""
        try:
            return call()
        except pkcs11.PKCS11Error as error:
            self._forget()
            what = str(error) or type(error).__name__
            raise KeyUnavailableError(f"token {self._label}: {what}") from None

    def _forget(self) -> None:
        """End all sessions. The module looks for its tokens anew at the next one."""
        self._session, self._keys = None, {}
        if self._library is not None:
            with contextlib.suppress(pkcs11.PKCS11Error):
                self._library.finalize()

    def _pin(self) -> str:
        """Return the PIN. Raises ``ConfigurationError``."""
        if self._pin_file is None:
            if pin := os.environ.get(PIN_VARIABLE):
                return pin
            raise ConfigurationError(
                f"pkcs11.pin_file: there is none, nor {PIN_VARIABLE} in the "
                "environment."
            )
        try:
            # systemd gives a credential by an ACL, which shows as the group's bits.
            if self._pin_file.stat().st_mode & 0o027:
                raise ConfigurationError(
                    f"pkcs11.pin_file: {self._pin_file}: others may read it: chmod 600."
                )
            pin = self._pin_file.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigurationError(
                f"pkcs11.pin_file: {self._pin_file}: {why}."
            ) from None
        if not pin:
            raise ConfigurationError(f"pkcs11.pin_file: {self._pin_file} is empty.")
        return pin


def _private_keys(session: pkcs11.Session) -> dict[str, pkcs11.PrivateKey]:
    found = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
    return {
        key[Attribute.ID].decode(errors="replace"): cast(pkcs11.PrivateKey, key)
        for key in list(found)
    }


def _signature(key: pkcs11.PrivateKey, data: bytes, *, pss: bool) -> bytes:
    how: dict[str, Any] = {"mechanism": Mechanism.SHA256_RSA_PKCS}
    if pss:
        mask = (Mechanism.SHA256, pkcs11.MGF.SHA256, _SHA256_BYTES)
        how = {"mechanism": Mechanism.SHA256_RSA_PKCS_PSS, "mechanism_param": mask}
    elif key.key_type is KeyType.EC:
        # More tokens have this one than ECDSA with the digest.
        how["mechanism"] = Mechanism.ECDSA
        data = hashlib.sha256(data).digest()
    return bytes(cast(SignMixin, key).sign(data, **how))


def _generate(session: pkcs11.Session, algorithm: str) -> JsonObject:
    """Make a pair of keys, and return the public JWK."""
    kid = secrets.token_urlsafe(9)
    named: dict[str, Any] = {
        "id": kid.encode(),
        "label": f"{_LABEL} {algorithm}",
        "store": True,
        "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "private_template": {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    }
    key: RSAKey | ECKey
    if algorithm.startswith("ES"):
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        group = session.create_domain_parameters(KeyType.EC, curve, local=True)
        public, _ = group.generate_keypair(**named)
        key = ECKey.import_key(encode_ec_public_key(public))
    else:
        public, _ = session.generate_keypair(KeyType.RSA, _RSA_BITS, **named)
        key = RSAKey.import_key(encode_rsa_public_key(public))
    return {**key.as_dict(private=False), "kid": kid}


def _destroy(session: pkcs11.Session, kids: Iterable[str]) -> None:
    for kid in kids:
        for each in list(session.get_objects({Attribute.ID: kid.encode()})):
            if str(each[Attribute.LABEL]).startswith(_LABEL):
                each.destroy()


class _Signer:
    """What joserfc asks of a private key of ``cryptography``, of the token's key."""

    def __init__(self, token: Token, kid: str) -> None:
        self._token = token
        self._kid = kid

    def sign(self, data: bytes, how: object, _: object = None) -> bytes:
        pss = isinstance(how, paddings.PSS)
        return self._token.sign(self._kid, data, pss=pss)


class _ECSigner(_Signer):
    def sign(self, data: bytes, how: object, _: object = None) -> bytes:
        both = super().sign(data, how)
        half = len(both) // 2
        r, s = (int.from_bytes(each) for each in (both[:half], both[half:]))
        return encode_dss_signature(r, s)


class _HardwareRSAKey(RSAKey):
    token: Token

    @property
    def is_private(self) -> bool:
        return True

    @property
    def private_key(self) -> RSAPrivateKey:
        return cast(RSAPrivateKey, _Signer(self.token, str(self.kid)))


class _HardwareECKey(ECKey):
    token: Token

    @property
    def is_private(self) -> bool:
        return True

    @property
    def private_key(self) -> EllipticCurvePrivateKey:
        return cast(EllipticCurvePrivateKey, _ECSigner(self.token, str(self.kid)))
