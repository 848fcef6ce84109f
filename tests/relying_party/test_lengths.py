# SPDX-License-Identifier: MIT
"""A certificate is verified over the bytes that came, whatever their length."""

import base64
import hashlib
from pathlib import Path

from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from native_host.mock_card.authority import Authority, Person
from relying_party import Trust, validate

ORIGIN = "https://service.example"
NONCE = "A" * 43 + "="


async def test_lengths_that_look_indefinite_to_a_parser(tmp_path: Path) -> None:
    """asn1crypto re-encodes objects whose length ends in the octet 80."""
    authority = Authority.create()
    authority.save(tmp_path)
    trust = Trust.from_folder(tmp_path, test=True)
    key = ec.generate_private_key(ec.SECP384R1())
    challenge = sha384(ORIGIN) + sha384(NONCE)
    r, s = decode_dss_signature(key.sign(challenge, ec.ECDSA(hashes.SHA384())))
    signature = r.to_bytes(48) + s.to_bytes(48)
    awkward = 0
    for length in range(1, 260):
        der = authority.issue(
            key.public_key(),
            Person(given_name="A" * length),
            "authentication",
            null_parameters=True,
        )
        signed = x509.Certificate.load(der)["tbs_certificate"]
        if 0x80 not in {der[3], signed._header[-1]}:
            continue
        awkward += 1
        token = {
            "unverifiedCertificate": base64.b64encode(der).decode(),
            "algorithm": "ES384",
            "signature": base64.b64encode(signature).decode(),
            "format": "web-eid:1.0",
            "appVersion": "https://kortilla.example/releases/0.1.0",
        }
        identity = await validate(token, origin=ORIGIN, nonce=NONCE, trust=trust)
        assert identity.given_names == "A" * length
    assert awkward >= 2


def sha384(text: str) -> bytes:
    return hashlib.sha384(text.encode()).digest()
