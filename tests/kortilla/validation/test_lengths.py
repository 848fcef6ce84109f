# SPDX-License-Identifier: MIT
"""A certificate's signature is verified over the received bytes, for any length."""

from asn1crypto import core

from kortilla import Trust, validate
from tests.kortilla.pki import CA, NONCE, NOW, ORIGIN, key


async def test_lengths_that_look_indefinite_to_a_parser(ca: CA, trust: Trust) -> None:
    """asn1crypto re-encodes objects whose length ends in the octet 80."""
    awkward = 0
    for length in range(256):
        padding = core.OctetString(bytes(length)).dump()
        leaf = ca.issue(key("P-384"), extra=[("1.3.6.1.4.1.99999.1", padding)])
        # 30 82 hh ll of the certificate, then the same of what is signed in it
        if 0x80 not in (leaf.der[3], leaf.der[7]):
            continue
        awkward += 1
        assert await validate(
            leaf.token(), origin=ORIGIN, nonce=NONCE, trust=trust, at=NOW
        )
    assert awkward
