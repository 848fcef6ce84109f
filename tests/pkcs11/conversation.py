# SPDX-License-Identifier: MIT
"""What NSS says from the beginning to a signature, as it was recorded."""

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

__all__ = ["CONVERSATION", "NAMES", "message", "streams"]

_ECDSA, _ECDSA_SHA384 = 0x1041, 0x1045


def message(name: str, *arguments: bytes) -> bytes:
    """Return the body of a call."""
    number, signature, _ = CALLS[name]
    return u32(number) + array(signature.encode()) + b"".join(arguments)


#: The bodies of the messages, and a few more that end well without a person.
CONVERSATION = [
    message("Initialize", octets(HANDSHAKE), b"\0", octets(b"\0")),
    message("GetInfo"),
    message("GetSlotList", b"\0", u32(0)),
    message("GetSlotList", b"\0", u32(2)),
    message("GetSlotInfo", u64(1)),
    message("GetTokenInfo", u64(1)),
    message("GetMechanismList", u64(1), u32(0)),
    message("GetMechanismList", u64(1), u32(1)),
    message("OpenSession", u64(1), u64(4)),
    message("GetSessionInfo", u64(1)),
    message("FindObjectsInit", u64(1), attributes({0x0: 0xCE534354})),
    message("FindObjects", u64(1), u32(10)),
    message("FindObjectsFinal", u64(1)),
    message("FindObjectsInit", u64(1), attributes({0x1: True, 0x0: 1})),
    message("FindObjects", u64(1), u32(10)),
    message("FindObjectsFinal", u64(1)),
    message(
        "GetAttributeValue",
        u64(1),
        u64(1),
        wanted(dict.fromkeys((0x80, 0x102, 0x11, 0x81, 0x82, 0x101), 0)),
    ),
    message("GetAttributeValue", u64(1), u64(1), wanted({0x11: 4000, 0x102: 1})),
    message("FindObjectsInit", u64(1), attributes({0x102: b"\x45", 0x0: 3})),
    message("FindObjects", u64(1), u32(1)),
    message("FindObjectsFinal", u64(1)),
    message("SignInit", u64(1), mechanism(_ECDSA_SHA384, 1), u64(3)),
    message("SignInit", u64(1), mechanism(_ECDSA, 1), u64(3)),
    message("Sign", u64(1), octets(bytes(48)), u32(0)),
    message("SessionCancel", u64(1), u64(0xFFFF)),
    message("Login", u64(1), u64(1), octets(b"12")),
    message("Logout", u64(1)),
    message("WaitForSlotEvent", u64(1)),
    message("CloseSession", u64(1)),
    message("Finalize"),
]
#: The calls by their numbers.
NAMES = {number: name for name, (number, _, _) in CALLS.items()}


def streams() -> list[bytes]:
    """Return the conversation as it goes over the wire, in the three versions."""
    frames = [u32(16) + u32(0) + u32(len(body)) + body for body in CONVERSATION]
    return [bytes([version]) + b"".join(frames) for version in range(3)]
