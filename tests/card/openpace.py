# SPDX-License-Identifier: MIT
"""A contactless card whose PACE and secure messaging are OpenPACE's (libeac).

Only the framing of ISO/IEC 7816-4 is ours. The application behind the channel is the
mock card's.
"""

import ctypes
import functools
from collections.abc import Callable

from kortilla.mock_card.card import MockCard
from native_host.card.files import Tlv
from native_host.card.source import CardConnection

ATR = bytes.fromhex("3B8F80018031B865B08505102412246082900022")
#: EF.CardAccess: PACE-ECDH-GM-AES-CBC-CMAC-256 with brainpoolP384r1.
CARD_ACCESS = bytes.fromhex("31143012060A04007F00070202040204020102020110")

_LIBRARY = "libeac.so.3"
_CAN = 2  # PACE_CAN
_EAC_ID_PACE = 0
_OK, _WRONG_CAN = b"\x90\x00", b"\x63\x00"


class _Buffer(ctypes.Structure):
    """BUF_MEM of OpenSSL."""

    _fields_ = (
        ("length", ctypes.c_size_t),
        ("data", ctypes.POINTER(ctypes.c_char)),
        ("max", ctypes.c_size_t),
        ("flags", ctypes.c_ulong),
    )


_BufferPointer = ctypes.POINTER(_Buffer)


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(_LIBRARY)
    for name in (
        "BUF_MEM_create_init",
        "PACE_STEP1_enc_nonce",
        "PACE_STEP3A_generate_mapping_data",
        "PACE_STEP3B_generate_ephemeral_key",
        "PACE_STEP3D_compute_authentication_token",
        "EAC_add_iso_pad",
        "EAC_remove_iso_pad",
        "EAC_authenticate",
        "EAC_decrypt",
        "EAC_encrypt",
    ):
        getattr(library, name).restype = _BufferPointer
    library.EAC_CTX_new.restype = library.PACE_SEC_new.restype = ctypes.c_void_p
    library.EAC_init()
    return library


class OpenPaceCard(CardConnection):
    """The connection to such a card. ``sent`` has all commands as they came."""

    protocol = 1

    def __init__(self, card: MockCard, can: str) -> None:
        self.sent: list[bytes] = []
        self.atr = ATR
        self._card = card
        library = _library()
        self._context = ctypes.c_void_p(library.EAC_CTX_new())
        self._secret = ctypes.c_void_p(
            library.PACE_SEC_new(can.encode(), ctypes.c_size_t(len(can)), _CAN)
        )
        self._selected = b""
        self._secure = False
        self._mine = self._theirs = b""

    def close(self) -> None:
        self._card.reset()
        _library().EAC_CTX_clear_free(self._context)
        _library().PACE_SEC_clear_free(self._secret)

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        self.sent.append(apdu)
        answer = self._secured(apdu) if self._secure else self._plain(apdu)
        return answer[:-2], int.from_bytes(answer[-2:])

    def _call(self, name: str, *values: bytes) -> bytes:
        """Call a function that gets and returns buffers."""
        library = _library()
        buffers = [
            library.BUF_MEM_create_init(value, ctypes.c_size_t(len(value)))
            for value in values
        ]
        arguments = [self._context]
        if name == "PACE_STEP1_enc_nonce":
            arguments.append(self._secret)
        if name == "EAC_remove_iso_pad":
            arguments = []
        result = getattr(library, name)(*arguments, *buffers)
        for buffer in buffers:
            library.BUF_MEM_clear_free(buffer)
        if not isinstance(result, _BufferPointer):
            assert result == 1, name
            return b""
        assert result, name
        found = result.contents.data[: result.contents.length]
        library.BUF_MEM_clear_free(result)
        return bytes(found)

    def _plain(self, apdu: bytes) -> bytes:
        header = apdu[:4].hex()
        if header in {"00a4000c", "00a4020c"}:
            self._selected = apdu[5:]
            return _OK
        if header == "00b00000" and self._selected == b"\x01\x1c":
            return CARD_ACCESS + _OK
        if header == "0022c1a4":
            library = _library()
            size = ctypes.c_size_t(len(CARD_ACCESS))
            assert library.EAC_CTX_init_ef_cardaccess(CARD_ACCESS, size, self._context)
            return _OK
        if header[2:] == "860000":
            body = Tlv.parse(apdu[5 : 5 + apdu[4]])
            assert body.tag == 0x7C
            return self._step(body.value)
        return b"\x69\x82"

    def _step(self, value: bytes) -> bytes:
        if not value:
            return _answer(0x80, self._call("PACE_STEP1_enc_nonce"))
        given = Tlv.parse(value)
        match given.tag:
            case 0x81:
                mine = self._call("PACE_STEP3A_generate_mapping_data")
                self._call("PACE_STEP3A_map_generator", given.value)
                return _answer(0x82, mine)
            case 0x83:
                self._theirs = given.value
                self._mine = self._call("PACE_STEP3B_generate_ephemeral_key")
                self._call("PACE_STEP3B_compute_shared_secret", given.value)
                self._call("PACE_STEP3C_derive_keys")
                return _answer(0x84, self._mine)
            case 0x85:
                compute = "PACE_STEP3D_compute_authentication_token"
                token = self._call(compute, self._theirs)
                if not self._verifies(given.value):
                    return _WRONG_CAN
                library = _library()
                assert library.EAC_CTX_set_encryption_ctx(self._context, _EAC_ID_PACE)
                self._secure = True
                return _answer(0x86, token)
        raise AssertionError(given.tag)

    def _verifies(self, token: bytes) -> bool:
        library = _library()
        buffer = library.BUF_MEM_create_init(token, ctypes.c_size_t(len(token)))
        verify: Callable[..., int] = library.PACE_STEP3D_verify_authentication_token
        try:
            return verify(self._context, buffer) == 1
        finally:
            library.BUF_MEM_clear_free(buffer)

    def _secured(self, apdu: bytes) -> bytes:
        library = _library()
        assert apdu[0] & 0x0C == 0x0C, "a command in clear"
        library.EAC_increment_ssc(self._context)
        objects = {each.tag: each for each in Tlv.parse_all(apdu[5 : 5 + apdu[4]])}
        checksum = objects.pop(0x8E)
        covered = self._call("EAC_add_iso_pad", apdu[:4]) + b"".join(objects.values())
        assert checksum.value == self._checksum(covered), "a wrong checksum"
        plain = bytes([apdu[0] & ~0x0C]) + apdu[1:4]
        odd = bool(apdu[1] & 1)
        if (encrypted := objects.get(0x85 if odd else 0x87)) is not None:
            blocks = encrypted.value if odd else encrypted.value[1:]
            data = self._call("EAC_remove_iso_pad", self._call("EAC_decrypt", blocks))
            plain += bytes([len(data)]) + data
        if 0x97 in objects:
            plain += objects[0x97].value
        answer = self._card.transmit(plain)
        library.EAC_increment_ssc(self._context)
        protected = b""
        if answer[:-2]:
            padded = self._call("EAC_add_iso_pad", answer[:-2])
            blocks = self._call("EAC_encrypt", padded)
            protected += Tlv(0x85, blocks) if odd else Tlv(0x87, b"\x01" + blocks)
        protected += Tlv(0x99, answer[-2:])
        return protected + Tlv(0x8E, self._checksum(protected)) + answer[-2:]

    def _checksum(self, data: bytes) -> bytes:
        return self._call("EAC_authenticate", self._call("EAC_add_iso_pad", data))


def _answer(tag: int, value: bytes) -> bytes:
    return Tlv(0x7C, Tlv(tag, value)) + _OK
