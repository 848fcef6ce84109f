# SPDX-License-Identifier: MIT
"""The fingerprints of the authority's CA certificates, and their URLs.

The package does not contain the certificates. ``kortilla-server trust update``
downloads them and accepts only these fingerprints.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kortilla.errors import TrustConfigurationError

__all__ = ["ADDRESSES", "PINS", "Origin", "PinnedCertificate", "configured_pins"]


#: Who says that a CA may be trusted: this package, for real or for test cards, or the
#: service's configuration.
Origin = Literal["authority", "test", "configured"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PinnedCertificate:
    """A CA certificate of the authority, identified by its fingerprint.

    ``role`` is ``citizen`` for the issuers of Citizen Certificates, ``root`` for the
    roots above them, and ``other`` for CAs that issue no Citizen Certificates.
    """

    name: str
    sha256: str
    role: Literal["citizen", "root", "other"]
    test: bool = False
    configured: bool = False

    @property
    def origin(self) -> Origin:
        """Who says that it may be trusted."""
        if self.configured:
            return "configured"
        return "test" if self.test else "authority"


#: The authority's CA certificates and test CAs, by SHA-256 fingerprint.
PINS = (
    PinnedCertificate(
        "DVV Citizen Certificates - G4E",
        "aad1beac4696102a88bf9d518d64f8b014f78f9b152579c959998313197924d7",
        "citizen",
    ),
    PinnedCertificate(
        "DVV Citizen Certificates - G4R",
        "2176c05e69ee24946a140d13f9efa222b3f1e768e1e2a67b313969cc03b82064",
        "citizen",
    ),
    PinnedCertificate(
        "VRK Gov. CA for Citizen Certificates - G3",
        "39a835b14b6b6313f778371c79cb434dd518c8fd325b749d9be669dff20384e8",
        "citizen",
    ),
    PinnedCertificate(
        "DVV Gov. Root CA - G3 ECC",
        "5546a52504fba74f61ffd4890067529ade3b9c9d07e502592831ccda9b369fd3",
        "root",
    ),
    PinnedCertificate(
        "DVV Gov. Root CA - G3 RSA",
        "d3ed3fc40ad26b52e001e1e18f4b9449529deb75a81d5eb680d7b62db23ba96d",
        "root",
    ),
    PinnedCertificate(
        "DVV Organisational Certificates - G4R",
        "dfc3e965176f883a9cf0f68ceaeeab663edfd8e79de3294373c28a856984006f",
        "other",
    ),
    PinnedCertificate(
        "DVV TEST Certificates - G5E",
        "3eabe1d1ef7bd30db09734b7de258f4c4b8b3d9bcba433b5e96cad84f914a58d",
        "citizen",
        test=True,
    ),
    PinnedCertificate(
        "VRK TEST CA for Test Purposes - G4",
        "6fb06170fcd733ac75c9e018bce199056dcdabb3777ecd25f84b51e81990fb22",
        "citizen",
        test=True,
    ),
)

#: Where the authority publishes them. The fingerprint tells which certificate a URL
#: has: some have one that is not needed, and some may be gone.
ADDRESSES = (
    *(
        f"https://dvv.fineid.fi/api/v1/cas/{number}/certificate"
        for number in (702, 711, 712, 101, 102, 103, 111, 112)
    ),
    "http://proxy.fineid.fi/ca/dvvcqc4ec.crt",
    "http://proxy.fineid.fi/ca/dvvroot3ec.crt",
    "http://proxy.fineid.fi/ca/dvvroot3rc.crt",
)


def configured_pins(fingerprints: Iterable[str]) -> tuple[PinnedCertificate, ...]:
    """Return pins for a service's own SHA-256 fingerprints.

    They are hexadecimal, with or without colons. A fingerprint of ``PINS`` is left out:
    a configuration does not make a test CA real. Raises ``TrustConfigurationError``.
    """
    known = {pin.sha256 for pin in PINS}
    found: dict[str, PinnedCertificate] = {}
    for text in fingerprints:
        sha256 = text.replace(":", "").lower()
        if _SHA256.fullmatch(sha256) is None:
            raise TrustConfigurationError(
                f"{text!r} is not a SHA-256 fingerprint: it has 64 hexadecimal digits."
            )
        if sha256 not in known:
            name = f"CA of the configuration, {sha256[:16]}"
            found[sha256] = PinnedCertificate(name, sha256, "citizen", configured=True)
    return tuple(found.values())
