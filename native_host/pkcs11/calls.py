# SPDX-License-Identifier: MIT
"""The calls that are answered, as data (docs/reference/pkcs11.md, "Wire format")."""

from dataclasses import dataclass

__all__ = ["CALLS", "ERROR", "ERROR_SIGNATURE", "HANDSHAKE", "VERSION", "Call"]

#: The newest version of the protocol that is spoken.
VERSION = 2

#: What C_Initialize has to begin with.
HANDSHAKE = b"PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1"

#: An answer that is an error has this number, and a return value alone.
ERROR = 0
ERROR_SIGNATURE = "u"


@dataclass(frozen=True)
class Call:
    """A call: its number, its name without ``C_``, and two signatures (see ``wire``).

    ``before`` says that it may come before C_Initialize.
    """

    number: int
    name: str
    request: str
    response: str
    before: bool = False


#: By their numbers. Every other call is CKR_FUNCTION_NOT_SUPPORTED.
CALLS = {
    call.number: call
    for call in (
        Call(1, "Initialize", "ayyay", "", before=True),
        Call(2, "Finalize", "", ""),
        Call(3, "GetInfo", "", "vsusv"),
        Call(4, "GetSlotList", "yfu", "au"),
        Call(5, "GetSlotInfo", "u", "ssuvv"),
        Call(6, "GetTokenInfo", "u", "ssssuuuuuuuuuuuvvs"),
        Call(7, "GetMechanismList", "ufu", "au"),
        Call(8, "GetMechanismInfo", "uu", "uuu"),
        Call(10, "OpenSession", "uu", "u"),
        Call(11, "CloseSession", "u", ""),
        Call(12, "CloseAllSessions", "u", ""),
        Call(13, "GetSessionInfo", "u", "uuuu"),
        Call(18, "Login", "uuay", ""),
        Call(19, "Logout", "u", ""),
        Call(24, "GetAttributeValue", "uufA", "aAu"),
        Call(26, "FindObjectsInit", "uaA", ""),
        Call(27, "FindObjects", "ufu", "au"),
        Call(28, "FindObjectsFinal", "u", ""),
        Call(42, "SignInit", "uMu", ""),
        Call(43, "Sign", "uayfy", "ay"),
        Call(44, "SignUpdate", "uay", ""),
        Call(45, "SignFinal", "ufy", "ay"),
        Call(63, "SeedRandom", "uay", ""),
        Call(64, "GenerateRandom", "ufy", "ay"),
        Call(65, "WaitForSlotEvent", "u", "u"),
        Call(67, "SessionCancel", "uu", ""),
    )
}
