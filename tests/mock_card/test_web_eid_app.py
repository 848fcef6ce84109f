# SPDX-License-Identifier: MIT
"""The mock card accepts the commands of Web eID's native app: every Le is 00."""

import hashlib
from collections.abc import Callable

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block

Transmit = Callable[[bytes], tuple[bytes, int]]

#: What it uses of each generation: certificate, PIN, algorithm and key of both keys.
KEYS = {
    "v5": (("4331", "11", "1234", 0x54, 1), ("50164332", "82", "123456", 0x54, 2)),
    "v4.2": (("4331", "11", "1234", 0x45, 1), ("50164335", "82", "123456", 0x44, 3)),
}
KEYS["v5-2026"] = KEYS["v5"]
HASHES: dict[int, hashes.HashAlgorithm] = {4: hashes.SHA256(), 5: hashes.SHA384()}


class App:
    """Sends commands as libelectronic-id does, and requires the status word 9000."""

    def __init__(self, transmit: Transmit) -> None:
        self._transmit = transmit

    def send(self, apdu: str) -> bytes:
        """Return a response.

        As in libpcsc-cpp, 61xx is fetched; 6Cxx must not occur.
        """
        data, status_word = self._transmit(bytes.fromhex(apdu))
        while status_word >> 8 == 0x61:
            more = bytes((0, 0xC0, 0, 0, status_word & 0xFF))
            rest, status_word = self._transmit(more)
            data += rest
        assert f"{status_word:04X}" == "9000", apdu
        return data

    def read(self, path: str) -> bytes:
        """Return a file, read in blocks of at most 256 bytes."""
        self.send(SELECT_APPLICATION)
        control = self.send(f"00A40804{len(path) // 2:02X}{path}00")
        assert control[:4] == bytes.fromhex("62048102")
        content = b""
        while len(content) < int.from_bytes(control[4:]):
            part = self.send(f"00B0{len(content):04X}00")
            assert part
            content += part
        assert len(content) == int.from_bytes(control[4:])
        return content

    def sign(self, pin: str, digits: str, algorithm: int, key: int) -> bytes:
        """Return the signature of the hash of ``b"signed"``.

        ``pin`` is its reference.
        """
        assert b"\xdf\x21\x04\x05" in self.send(f"00CB00FF05A0038301{pin}")
        self.send(f"002000{pin}0C{pin_block(digits)}")
        self.send(f"002241B6068001{algorithm:02X}8401{key:02X}")
        digest = hashlib.new(HASHES[algorithm >> 4].name, b"signed").hexdigest()
        size = len(digest) // 2
        self.send(f"002A90A0{size + 2:02X}90{size:02X}{digest}")
        return self.send("002A9E9A00")


def use(transmit: Transmit, profile: str) -> None:
    """Read both certificates and sign with both keys, each after its PIN."""
    for path, pin, digits, algorithm, key in KEYS[profile]:
        app = App(transmit)
        certificate = x509.Certificate.load(app.read(path))
        signature = app.sign(pin, digits, algorithm, key)
        public_key = load_der_public_key(certificate.public_key.dump())
        function = HASHES[algorithm >> 4]
        if isinstance(public_key, rsa.RSAPublicKey):
            scheme = padding.PSS(padding.MGF1(function), function.digest_size)
            public_key.verify(signature, b"signed", scheme, function)
        else:
            assert isinstance(public_key, ec.EllipticCurvePublicKey)
            half = len(signature) // 2
            r, s = (
                int.from_bytes(part) for part in (signature[:half], signature[half:])
            )
            raw = utils.encode_dss_signature(r, s)
            public_key.verify(raw, b"signed", ec.ECDSA(function))


@pytest.mark.parametrize("style", ["direct", "fetched"])
@pytest.mark.parametrize("profile", KEYS)
def test_both_keys_of_each_generation_sign(
    make_state: Callable[[str], MockCardState], profile: str, style: str
) -> None:
    card = MockCard(make_state(profile), style=style)

    def transmit(apdu: bytes) -> tuple[bytes, int]:
        answer = card.transmit(apdu)
        return answer[:-2], int.from_bytes(answer[-2:])

    use(transmit, profile)
