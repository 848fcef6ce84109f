# SPDX-License-Identifier: MIT
"""NSS's recorded messages from the connection to a signature."""

from tests.pkcs11.client import (
    CALLS,
    HANDSHAKE,
    array,
    attributes,
    mechanism,
    octets,
    u32,
    u64,
    wanted,
)
from tests.pkcs11.names import CKA, CKF, CKM, CKO, CKU

_ASKED_OF_A_CERTIFICATE = (
    CKA.CERTIFICATE_TYPE,
    CKA.ID,
    CKA.VALUE,
    CKA.ISSUER,
    CKA.SERIAL_NUMBER,
    CKA.SUBJECT,
)


def message(name: str, *arguments: bytes) -> bytes:
    """Return the body of a call."""
    number, signature, _ = CALLS[name]
    return u32(number) + array(signature.encode()) + b"".join(arguments)


#: The bodies of the messages, and a few more that succeed without a user.
CONVERSATION = [
    message("Initialize", octets(HANDSHAKE), b"\0", octets(b"\0")),
    message("GetInfo"),
    message("GetSlotList", b"\0", u32(0)),
    message("GetSlotList", b"\0", u32(2)),
    message("GetSlotInfo", u64(1)),
    message("GetTokenInfo", u64(1)),
    message("GetMechanismList", u64(1), u32(0)),
    message("GetMechanismList", u64(1), u32(1)),
    message("OpenSession", u64(1), u64(CKF.SERIAL_SESSION)),
    message("GetSessionInfo", u64(1)),
    message(
        "FindObjectsInit", u64(1), attributes({CKA.CLASS: CKO.NSS_BUILTIN_ROOT_LIST})
    ),
    message("FindObjects", u64(1), u32(10)),
    message("FindObjectsFinal", u64(1)),
    message(
        "FindObjectsInit",
        u64(1),
        attributes({CKA.TOKEN: True, CKA.CLASS: CKO.CERTIFICATE}),
    ),
    message("FindObjects", u64(1), u32(10)),
    message("FindObjectsFinal", u64(1)),
    message(
        "GetAttributeValue",
        u64(1),
        u64(1),
        wanted(dict.fromkeys(_ASKED_OF_A_CERTIFICATE, 0)),
    ),
    message("GetAttributeValue", u64(1), u64(1), wanted({CKA.VALUE: 4000, CKA.ID: 1})),
    message(
        "FindObjectsInit",
        u64(1),
        attributes({CKA.ID: b"\x45", CKA.CLASS: CKO.PRIVATE_KEY}),
    ),
    message("FindObjects", u64(1), u32(1)),
    message("FindObjectsFinal", u64(1)),
    message("SignInit", u64(1), mechanism(CKM.ECDSA_SHA384, 1), u64(3)),
    message("SignInit", u64(1), mechanism(CKM.ECDSA, 1), u64(3)),
    message("Sign", u64(1), octets(bytes(48)), u32(0)),
    message("SessionCancel", u64(1), u64(0xFFFF)),
    message("Login", u64(1), u64(CKU.USER), octets(b"12")),
    message("Logout", u64(1)),
    message("WaitForSlotEvent", u64(CKF.DONT_BLOCK)),
    message("CloseSession", u64(1)),
    message("Finalize"),
]
#: The calls by their numbers.
NAMES = {number: name for name, (number, _, _) in CALLS.items()}


def streams() -> list[bytes]:
    """Return the messages as sent over the wire, in the three versions."""
    frames = [u32(16) + u32(0) + u32(len(body)) + body for body in CONVERSATION]
    return [bytes([version]) + b"".join(frames) for version in range(3)]
