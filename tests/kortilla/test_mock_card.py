# SPDX-License-Identifier: MIT
"""The validator accepts tokens of complete mock cards, one of each profile."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from kortilla import Trust, validate
from kortilla.errors import TrustConfigurationError, UserCertificateWrongPurposeError
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from tests.kortilla.pki import NONCE, ORIGIN

# profile → token algorithm, hash, algorithm byte of MSE, signature length
# (docs/reference/card.md, "Algorithms")
PROFILES = {
    "v5": ("ES384", "sha384", 0x54, 96),
    "v4.2": ("PS256", "sha256", 0x45, 0),
}


def send(card: MockCard, apdu: bytes) -> bytes:
    """Send an APDU, fetch what 61xx announces, and return the response's data."""
    answer = card.transmit(apdu)
    data = answer[:-2]
    while answer[-2] == 0x61:
        answer = card.transmit(bytes([0x00, 0xC0, 0x00, 0x00, answer[-1]]))
        data += answer[:-2]
    assert answer[-2:] == b"\x90\x00", answer.hex()
    return data


def read_certificate(card: MockCard, path: str) -> bytes:
    select = bytes.fromhex(f"00A40804{len(path) // 2:02X}{path}00")
    size, content = int.from_bytes(send(card, select)[-2:], "big"), b""
    while len(content) < size:
        content += send(card, bytes.fromhex(f"00B0{len(content):04X}00"))
    return content


def make_token(card: MockCard, profile: str) -> dict[str, Any]:
    """Sign with PIN1, with the exchanges of docs/reference/card.md."""
    algorithm, hash_name, reference, length = PROFILES[profile]

    def h(data: bytes) -> bytes:
        return hashlib.new(hash_name, data).digest()

    digest = h(h(ORIGIN.encode()) + h(NONCE.encode()))
    send(card, bytes.fromhex("00A4040C0CA000000063504B43532D3135"))
    certificate = read_certificate(card, "4331")
    send(card, bytes.fromhex("002000110C") + b"1234".ljust(12, b"\0"))
    send(card, bytes.fromhex("002241B6068001") + bytes([reference, 0x84, 1, 1]))
    size = len(digest)
    send(card, bytes([0x00, 0x2A, 0x90, 0xA0, size + 2, 0x90, size]) + digest)
    signature = send(card, bytes([0x00, 0x2A, 0x9E, 0x9A, length]))
    return {
        "unverifiedCertificate": base64.b64encode(certificate).decode(),
        "algorithm": algorithm,
        "signature": base64.b64encode(signature).decode(),
        "format": "web-eid:1.0",
        "appVersion": "urn:uuid:48e30dea-567c-4965-9e98-7118cfcaca7e#kortilla-0.1.0",
    }


@pytest.mark.parametrize("profile", PROFILES)
async def test_the_token_of_each_profile(tmp_path: Path, profile: str) -> None:
    folder = tmp_path / "mock-card"
    card = MockCard(MockCardState.create(folder, profile=profile))
    token = make_token(card, profile)
    trust = Trust.from_folder(folder, test=True)

    identity = await validate(token, origin=ORIGIN, nonce=NONCE, trust=trust)
    assert identity.surname.startswith("SPECIMEN-")
    assert identity.issuer.startswith("SPECIMEN")

    signing = base64.b64encode(read_certificate(card, "50164332")).decode()
    with pytest.raises(UserCertificateWrongPurposeError):
        await validate(
            token | {"unverifiedCertificate": signing},
            origin=ORIGIN,
            nonce=NONCE,
            trust=trust,
        )
    with pytest.raises(TrustConfigurationError):
        Trust.from_folder(folder)
