# SPDX-License-Identifier: MIT
"""A TLS client certificate is validated as strictly as a token's."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from kortilla import Trust, validate_client
from kortilla.errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    RelyingPartyError,
    UserCertificateDisallowedPolicyError,
    UserCertificateRevokedError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import CertificatePath
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, SATU, Leaf, key


@pytest.mark.parametrize("kind", ["P-384", "P-256", "RSA-2048"])
async def test_a_sound_certificate_names_the_person(
    ca: CA, trust: Trust, kind: str
) -> None:
    identity = await validate_client(ca.issue(key(kind)).der, trust=trust, at=NOW)
    assert (identity.satu, identity.assurance) == (SATU, "test")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"key_usage": pki.SIGNATURE}, UserCertificateWrongPurposeError),
        ({"extended_key_usage": pki.SERVER_AUTH}, UserCertificateWrongPurposeError),
        ({"policies": ("1.2.246.517.1.2",)}, UserCertificateDisallowedPolicyError),
        ({"not_after": NOW - timedelta(seconds=1)}, CertificateExpiredError),
    ],
)
async def test_a_certificate_that_is_wrong_in_one_way_is_refused_for_it(
    ca: CA, trust: Trust, changes: dict[str, Any], expected: type[RelyingPartyError]
) -> None:
    leaf = ca.issue(key("P-384"), **changes)
    with pytest.raises(expected):
        await validate_client(leaf.der, trust=trust, at=NOW)


async def test_a_stranger_s_certificate_is_refused(trust: Trust) -> None:
    leaf = CA.create("SPECIMEN Issuing CA").issue(key("P-384"))
    with pytest.raises(CertificateNotTrustedError):
        await validate_client(leaf.der, trust=trust, at=NOW)


async def test_revocation_is_asked(leaf: Leaf, trust: Trust) -> None:
    class Lost:
        async def check(self, path: CertificatePath, *, at: datetime) -> None:
            raise UserCertificateRevokedError("The card is said to be lost.")

    with pytest.raises(UserCertificateRevokedError):
        await validate_client(leaf.der, trust=trust, at=NOW, revocation=Lost())
