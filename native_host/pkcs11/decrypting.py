# SPDX-License-Identifier: MIT
"""The token as a program sees it that may decrypt: a mail program, and no browser.

A browser has a ``Cryptoki``, which has none of these calls. A server that a browser
talks to can't make it decrypt then. A secret is an object of the session that made it.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from kortilla.encryption.algorithms import RsaPadding
from native_host.card.decryption import CardDecryption
from native_host.card.fineid import CardKey, FineidCard
from native_host.card.signature import KeyType, key_type_of
from native_host.pkcs11.calls import CryptokiError, Values, call
from native_host.pkcs11.constants import (
    CKA,
    CKD_NULL,
    CKF,
    CKK,
    CKM,
    CKO,
    CKR,
    CKZ_DATA_SPECIFIED,
    MGF_HASHES,
)
from native_host.pkcs11.cryptoki import Cryptoki
from native_host.pkcs11.mechanisms import Decryption, MechanismInfo
from native_host.pkcs11.objects import TokenObject
from native_host.pkcs11.pin_cache import KeyUse
from native_host.pkcs11.sessions import Session
from native_host.pkcs11.slots import Token
from native_host.pkcs11.wire import (
    Attribute,
    AttributeValue,
    EcdhParameters,
    Mechanism,
    OaepParameters,
    Size,
)

_PADDINGS = {
    CKM.SHA_1: RsaPadding.OAEP_SHA1,
    CKM.SHA224: RsaPadding.OAEP_SHA224,
    CKM.SHA256: RsaPadding.OAEP_SHA256,
    CKM.SHA384: RsaPadding.OAEP_SHA384,
    CKM.SHA512: RsaPadding.OAEP_SHA512,
}
#: What the private key may do, by its type.
_USES: dict[KeyType, dict[int, AttributeValue]] = {
    KeyType.RSA: {CKA.DECRYPT: True, CKA.UNWRAP: True},
    KeyType.ECC: {CKA.DERIVE: True},
}
#: Handles of secrets begin here; a card has far fewer objects.
_FIRST_SECRET = 1 << 16
_MOST_SECRETS = 64  # of one session

#: A secret can be read, and does nothing here: NSS copies it into its own token.
_SECRET: dict[int, AttributeValue] = {
    CKA.CLASS: CKO.SECRET_KEY.value,
    **dict.fromkeys((CKA.TOKEN, CKA.PRIVATE, CKA.MODIFIABLE, CKA.COPYABLE), False),
    **dict.fromkeys((CKA.SENSITIVE, CKA.ALWAYS_SENSITIVE), False),
    **dict.fromkeys((CKA.LOCAL, CKA.NEVER_EXTRACTABLE), False),
    **dict.fromkeys((CKA.ENCRYPT, CKA.DECRYPT, CKA.WRAP, CKA.UNWRAP), False),
    **dict.fromkeys((CKA.SIGN, CKA.VERIFY, CKA.DERIVE), False),
    CKA.EXTRACTABLE: True,
    CKA.DESTROYABLE: b"\1",
}


class DecryptingCryptoki(Cryptoki):
    """All calls of one client that may decrypt."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._handles = itertools.count(_FIRST_SECRET)

    def _mechanisms(self, token: Token) -> dict[int, MechanismInfo]:
        found = dict(super()._mechanisms(token))
        bits, flags = (2048, 4096), CKF.HW | CKF.DECRYPT | CKF.UNWRAP
        if key_type_of(token.certificate.public_key) is KeyType.ECC:
            *_, common = found[CKM.ECDSA]
            bits, flags = (256, 384), CKF(common) & ~CKF.SIGN | CKF.DERIVE
            return {**found, CKM.ECDH1_DERIVE: (*bits, int(flags))}
        both = int(flags | CKF.SIGN)
        # The mechanisms that hash stay first (see ``mechanisms``).
        found[CKM.RSA_PKCS] = (*bits, both)
        return {**found, CKM.RSA_PKCS_OAEP: (*bits, int(flags))}

    def _objects(self, session: Session) -> Iterator[TokenObject]:
        uses = _USES[key_type_of(session.token.certificate.public_key)]
        for each in super()._objects(session):
            is_private = each.kind == CKO.PRIVATE_KEY
            attributes = {**each.attributes, **uses} if is_private else each.attributes
            yield replace(each, attributes=attributes)
        for other in self._sessions.of_slot(session.slot):
            yield from other.secrets.values()

    # -- Decryption (§5.9) -------------------------------------------------------------

    @call(33, "C_DecryptInit", args="uMu")
    async def decrypt_init(
        self, handle: int, mechanism: Mechanism | None, key: int = 0
    ) -> Values:
        """Begin a decryption. Without a mechanism, cancel it."""
        session = self._sessions.get(handle)
        if mechanism is None:
            session.decryption = None
            return ()
        if session.decryption is not None or session.work is not None:
            raise CryptokiError(CKR.OPERATION_ACTIVE)
        padding = _padding_of(session, mechanism)
        self._demand_private(session, key)
        session.decryption = Decryption(session.token.certificate, padding)
        return ()

    @call(34, "C_Decrypt", args="uayfy", returns="ay")
    async def decrypt(
        self, handle: int, data: bytearray | None, room: int | None
    ) -> Values:
        """Decrypt. The length is known only then: until it fits, the result is kept."""
        session = self._sessions.get(handle)
        operation = session.decryption
        if operation is None:
            raise CryptokiError(CKR.OPERATION_NOT_INITIALIZED)
        if operation.plain is None:
            if room is None:
                return (Size(operation.certificate.public_key.key_size // 8),)
            session.decryption = None
            operation.plain = await self._use_key(
                session, _rsa(data, operation.padding), CKR.DEVICE_ERROR
            )
        if room is None or room < len(operation.plain):
            session.decryption = operation
            return (Size(len(operation.plain)),)
        session.decryption = None
        return (operation.plain,)

    # -- Keys (§5.16) ------------------------------------------------------------------

    @call(61, "C_UnwrapKey", args="uMuayaA", returns="u")
    async def unwrap_key(
        self,
        handle: int,
        mechanism: Mechanism | None,
        key: int = 0,
        wrapped: bytearray | None = None,
        template: Sequence[Attribute] = (),
    ) -> Values:
        session = self._sessions.get(handle)
        use = _rsa(wrapped, _padding_of(session, mechanism))
        return await self._make_secret(session, key, use, template, CKR.DEVICE_ERROR)

    @call(62, "C_DeriveKey", args="uMuaA", returns="u")
    async def derive_key(
        self,
        handle: int,
        mechanism: Mechanism | None,
        key: int = 0,
        template: Sequence[Attribute] = (),
    ) -> Values:
        """Agree on a secret: the x coordinate of the shared point."""
        session = self._sessions.get(handle)
        key_type = key_type_of(session.token.certificate.public_key)
        if (
            mechanism is None
            or mechanism.type != CKM.ECDH1_DERIVE
            or key_type is not KeyType.ECC
        ):
            raise CryptokiError(CKR.MECHANISM_INVALID)
        agree = _agreement(mechanism.parameters)
        return await self._make_secret(
            session, key, agree, template, CKR.MECHANISM_PARAM_INVALID
        )

    @call(22, "C_DestroyObject", args="uu")
    async def destroy_object(self, handle: int, number: int) -> Values:
        session = self._sessions.get(handle)
        for each in self._sessions.of_slot(session.slot):
            if each.secrets.pop(number, None):
                return ()
        raise CryptokiError(CKR.OBJECT_HANDLE_INVALID)

    async def _make_secret(
        self,
        session: Session,
        key: int,
        use: KeyUse,
        template: Sequence[Attribute],
        refused: CKR,
    ) -> Values:
        self._demand_private(session, key)
        wanted = {each.type: each.value for each in template}
        if wanted.get(CKA.TOKEN) or wanted.get(CKA.CLASS, CKO.SECRET_KEY) != int(
            CKO.SECRET_KEY
        ):
            raise CryptokiError(CKR.TEMPLATE_INCONSISTENT)
        if len(session.secrets) >= _MOST_SECRETS:
            raise CryptokiError(CKR.DEVICE_MEMORY)
        value = await self._use_key(session, use, refused)
        if wanted.get(CKA.VALUE_LEN) not in {None, 0, len(value)}:
            raise CryptokiError(refused)  # as after bad padding: no oracle
        number = next(self._handles)
        kind = wanted.get(CKA.KEY_TYPE) or CKK.GENERIC_SECRET.value
        made: dict[int, AttributeValue] = {
            CKA.KEY_TYPE: kind,
            CKA.VALUE: value,
            CKA.VALUE_LEN: len(value),
        }
        session.secrets[number] = TokenObject(number, {**_SECRET, **made})
        return (number,)

    async def _use_key(self, session: Session, use: KeyUse, refused: CKR) -> bytes:
        """Use the key. Everything that the card refuses is one error."""
        await self._demand_present(session)
        value = await session.run(self.signer.decrypt(session.token.certificate, use))
        if session.lost:
            raise CryptokiError(CKR.SESSION_HANDLE_INVALID)
        if value is None:
            raise CryptokiError(refused)
        return value


def _padding_of(session: Session, mechanism: Mechanism | None) -> RsaPadding:
    """Return the padding that a mechanism names. Raises ``CryptokiError``."""
    key_type = key_type_of(session.token.certificate.public_key)
    if mechanism is not None and key_type is KeyType.RSA:
        if mechanism.type == CKM.RSA_PKCS:
            return RsaPadding.PKCS1
        if mechanism.type == CKM.RSA_PKCS_OAEP:
            given = mechanism.parameters
            # The card knows no label.
            if (
                isinstance(given, OaepParameters)
                and given.hash in _PADDINGS
                and MGF_HASHES.get(given.mgf) == given.hash
                and given.source in {0, CKZ_DATA_SPECIFIED}
                and not given.label
            ):
                return _PADDINGS[CKM(given.hash)]
            raise CryptokiError(CKR.MECHANISM_PARAM_INVALID)
    raise CryptokiError(CKR.MECHANISM_INVALID)


def _agreement(parameters: object) -> KeyUse:
    """Return what agrees on a secret; a point off the curve never reaches the card.

    The secret is as ECDH makes it. NSS would have a key derived from it, and unwrap the
    message's key in the token with that. p11-kit carries no such call, so the person
    would type a PIN for nothing (docs/reference/pkcs11.md, "Mail programs").
    """
    if (
        not isinstance(parameters, EcdhParameters)
        or parameters.kdf != CKD_NULL
        or parameters.shared
    ):
        raise CryptokiError(CKR.MECHANISM_PARAM_INVALID)
    point = parameters.point

    def agree(card: FineidCard, key: CardKey) -> bytes | None:
        return CardDecryption(card, key).agree(point)

    return agree


def _rsa(data: bytearray | None, padding: RsaPadding) -> KeyUse:
    encrypted = bytes(data or b"")

    def decrypt(card: FineidCard, key: CardKey) -> bytes | None:
        return CardDecryption(card, key).decrypt(encrypted, padding)

    return decrypt
