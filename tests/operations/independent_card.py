# SPDX-License-Identifier: MIT
"""A card that shares no code with the mock card, and the list of what it was sent.

It does what ISO/IEC 7816-4 and docs/reference/card.md say of the commands of a login.
``reports_changes`` is what nobody knows of real cards: whether RESET RETRY COUNTER sets
DF2F. The card of the eight-digit scheme that the tests put into it does not.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
)

from kortilla.mock_card.authority import Authority, Person
from native_host.card.source import CardConnection, CardSource, Reader

P = ParamSpec("P")
T = TypeVar("T")

ATR = bytes.fromhex("3B7F9600008031B865B085050011122460829000")
_APPLICATION = bytes.fromhex("A000000063504B43532D3135")
_KEY = ec.generate_private_key(ec.SECP384R1())
_AUTHORITY = Authority.create()
_END = datetime(2049, 12, 31, tzinfo=UTC)

GRANTED_BEFORE = datetime(2024, 5, 6, tzinfo=UTC)
GRANTED_NEAR = datetime(2026, 1, 9, tzinfo=UTC)
GRANTED_AFTER = datetime(2026, 6, 2, tzinfo=UTC)

_NAMES = {
    0x20: "VERIFY",
    0x24: "CHANGE REFERENCE DATA",
    0x2C: "RESET RETRY COUNTER",
    0x2A: "PERFORM SECURITY OPERATION",
}


@dataclass
class Secret:
    """A PIN or the PUK: its digits, its tries left, and DF2F.

    The card says nothing of one whose tries are None, and has an odd DF2F for None.
    """

    digits: str
    tries: int | None = 5
    changed: bool | None = False


@dataclass
class IndependentCard(CardConnection):
    """A card of one key, with PIN1 (11), PIN2 (82) and the PUK (83)."""

    pin1: Secret = field(default_factory=lambda: Secret("1234"))
    pin2: Secret = field(default_factory=lambda: Secret("123456"))
    puk: Secret = field(default_factory=lambda: Secret("12345678"))
    granted: datetime = GRANTED_BEFORE
    reports_changes: bool = False
    #: Whether VERIFY with a code that was never changed gives 6984.
    refuses_new: bool = False
    #: All commands that are about a secret or sign, with the tries left after each.
    sent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.atr = ATR
        certificate = _AUTHORITY.issue(
            _KEY.public_key(),
            Person(),
            "authentication",
            not_before=self.granted,
            not_after=_END,
        )
        self._files = {"4331": certificate, "5032": bytes.fromhex("300702010004023031")}
        self._file = self._digest = b""
        self._selected = self._chosen = self._verified = False

    @property
    def secrets(self) -> dict[int, Secret]:
        return {0x11: self.pin1, 0x82: self.pin2, 0x83: self.puk}

    @property
    def tries(self) -> tuple[int | None, ...]:
        return self.pin1.tries, self.pin2.tries, self.puk.tries

    def close(self) -> None:
        """Be reset."""
        self._selected = self._chosen = self._verified = False

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        data, status = self._answer(apdu)
        if apdu[1] in _NAMES:
            one, two, puk = self.tries
            self.sent.append(
                f"{apdu[1]:02X} {apdu[2]:02X} {apdu[3]:02X} {_NAMES[apdu[1]]}"
                f" → {status:04X}; tries {one} {two} {puk}"
            )
        return data, status

    def _answer(self, apdu: bytes) -> tuple[bytes, int]:
        cla, ins, p1, p2 = apdu[:4]
        body = apdu[5 : 5 + apdu[4]] if len(apdu) > 5 else b""
        if cla:
            return b"", 0x6E00
        if ins == 0xA4:
            return self._select(p1, p2, body)
        if not self._selected:
            return b"", 0x6D00
        match ins, p1 << 8 | p2:
            case 0xB0, offset:
                return self._file[offset : offset + 181], 0x9000
            case 0xCB, 0x00FF:
                return self._information(body)
            case 0x20, reference if reference in self.secrets:
                return b"", self._verify(reference, body)
            case ((0x24 | 0x2C), reference) if reference in (0x11, 0x82):
                return b"", self._set(ins, reference, body)
            case 0x22, 0x41B6:
                self._chosen = body == bytes.fromhex("800154840101")
                return b"", 0x9000 if self._chosen else 0x6A80
            case 0x2A, 0x90A0 if self._chosen and body[:2] == b"\x90\x30":
                self._digest = body[2:]
                return b"", 0x9000
            case 0x2A, 0x9E9A if self._verified and len(self._digest) == 48:
                return self._sign(), 0x9000
            case 0x2A, _:
                return b"", 0x6982
        return b"", 0x6D00

    def _select(self, p1: int, p2: int, body: bytes) -> tuple[bytes, int]:
        if p1 == 0x04:
            self._selected = body == _APPLICATION
            self._verified = False
            return b"", 0x9000 if self._selected else 0x6A82
        if p1 != 0x08 or body.hex() not in self._files:
            return b"", 0x6A82
        self._file = self._files[body.hex()]
        size = len(self._file).to_bytes(2)
        return (b"\x62\x04\x81\x02" + size, 0x9000) if p2 == 0x04 else (b"", 0x9000)

    def _information(self, body: bytes) -> tuple[bytes, int]:
        secret = self.secrets.get(body[-1])
        if body[:-1] != bytes.fromhex("A0038301") or secret is None:
            return b"", 0x6A80
        if secret.tries is None:
            return b"", 0x6A88
        changed = 2 if secret.changed is None else secret.changed
        told = bytes.fromhex(
            f"8301{body[-1]:02X}8C04F00000009C04F0000000DF2104{secret.tries:02X}FFA503"
            f"DF2702FFFFDF28010CDF2F01{changed:02X}"
        )
        return bytes([0xA0, len(told)]) + told, 0x9000

    def _verify(self, reference: int, body: bytes) -> int:
        secret = self.secrets[reference]
        if not body:
            return 0x63C0 | secret.tries if secret.tries else 0x6983
        if self.refuses_new and not secret.changed:
            return 0x6984
        status = self._present(secret, body)
        self._verified = status == 0x9000 and reference == 0x11
        return status

    def _set(self, ins: int, reference: int, body: bytes) -> int:
        if len(body) != 24:
            return 0x6700
        pin = self.secrets[reference]
        status = self._present(self.puk if ins == 0x2C else pin, body[:12])
        if status == 0x9000:
            pin.digits, pin.tries = body[12:].rstrip(b"\0").decode(), 5
            pin.changed = pin.changed or ins == 0x24 or self.reports_changes
        return status

    def _present(self, secret: Secret, padded: bytes) -> int:
        if len(padded) != 12:
            return 0x6700
        if not secret.tries:
            return 0x6983
        if padded != secret.digits.encode().ljust(12, b"\0"):
            secret.tries -= 1
            return 0x63C0 | secret.tries if secret.tries else 0x6983
        secret.tries = 5
        return 0x9000

    def _sign(self) -> bytes:
        made = _KEY.sign(self._digest, ec.ECDSA(Prehashed(hashes.SHA384())))
        return b"".join(each.to_bytes(48) for each in decode_dss_signature(made))


class OneCard(CardSource):
    """A reader with one card in it for good."""

    def __init__(self, card: IndependentCard) -> None:
        self._card = card

    async def readers(self) -> tuple[Reader, ...]:
        return (Reader("Example Reader CR-100", ATR),)

    async def wait_for_change(self, known: tuple[Reader, ...]) -> tuple[Reader, ...]:
        if (readers := await self.readers()) != known:
            return readers
        return await asyncio.Future()

    async def connect(self, reader: Reader) -> CardConnection:
        return self._card

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await asyncio.to_thread(function, *args, **kwargs)

    async def close(self) -> None:
        """The test holds the card."""
