# SPDX-License-Identifier: MIT
"""A signature's certificate is validated as strictly as a token's."""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from kortilla import Trust, validate_signer
from kortilla.errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    CertificateNotYetValidError,
    RelyingPartyError,
    UserCertificateDisallowedPolicyError,
    UserCertificateMissingPurposeError,
    UserCertificateParseError,
    UserCertificateRevokedError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import CertificatePath
from kortilla.testing import KortillaCard
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, ORIGIN, SATU, Leaf, key


@pytest.fixture(scope="module")
def signer(ca: CA) -> Leaf:
    """A valid signature certificate."""
    return ca.issue(key("P-384"), key_usage=pki.SIGNATURE)


@pytest.mark.parametrize("kind", ["P-384", "P-256", "RSA-2048"])
async def test_a_sound_certificate_names_the_person(
    ca: CA, trust: Trust, kind: str
) -> None:
    leaf = ca.issue(key(kind), key_usage=pki.SIGNATURE)
    assert (await validate_signer(leaf.der, trust=trust, at=NOW)).satu == SATU


@pytest.mark.parametrize("profile", ["v5", "v4.2"])
async def test_a_card_signs_with_a_certificate_that_is_accepted_now(
    make_kortilla_card: Callable[..., KortillaCard], profile: str
) -> None:
    card = make_kortilla_card(profile=profile)
    answer = card.sign(ORIGIN, {"contract": hashlib.sha384(b"contract").digest()})
    der = base64.b64decode(answer["certificate"])
    trust = Trust.from_folder(card.folder, test=True)
    assert (await validate_signer(der, trust=trust)).satu == card.person.satu


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"key_usage": None}, UserCertificateMissingPurposeError),
        ({"key_usage": pki.AUTHENTICATION}, UserCertificateWrongPurposeError),
        # digitalSignature together with nonRepudiation
        ({"key_usage": bytes.fromhex("030206C0")}, UserCertificateWrongPurposeError),
        ({"basic_constraints": pki.CA_TRUE}, UserCertificateWrongPurposeError),
        ({"policies": ("1.2.246.517.1.2",)}, UserCertificateDisallowedPolicyError),
        ({"policies": ()}, UserCertificateDisallowedPolicyError),
        ({"not_after": NOW - timedelta(seconds=1)}, CertificateExpiredError),
        ({"not_before": NOW + timedelta(seconds=1)}, CertificateNotYetValidError),
        ({"subject_name": pki.subject(satu="99902038D")}, UserCertificateParseError),
    ],
)
async def test_a_certificate_that_is_wrong_in_one_way_is_refused_for_it(
    ca: CA, trust: Trust, changes: dict[str, Any], expected: type[RelyingPartyError]
) -> None:
    leaf = ca.issue(key("P-384"), **{"key_usage": pki.SIGNATURE, **changes})
    with pytest.raises(expected):
        await validate_signer(leaf.der, trust=trust, at=NOW)


async def test_a_certificate_that_anybody_made_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    made = CA.create("SPECIMEN Issuing CA").issue(signer.key, key_usage=pki.SIGNATURE)
    with pytest.raises(CertificateNotTrustedError):
        await validate_signer(made.der, trust=trust, at=NOW)


@pytest.mark.parametrize("der", [b"", b"0", b"0\x00", b"certificate"])
async def test_what_is_no_certificate_is_said_to_be_none(
    trust: Trust, der: bytes
) -> None:
    with pytest.raises(UserCertificateParseError):
        await validate_signer(der, trust=trust, at=NOW)


async def test_revocation_is_asked_of_the_whole_path(
    signer: Leaf, trust: Trust, ca: CA
) -> None:
    class Lost:
        async def check(self, path: CertificatePath, *, at: datetime) -> None:
            assert path.leaf.dump() == signer.der
            assert path.issuer.dump() == ca.der
            assert at == NOW
            raise UserCertificateRevokedError("The certificate was revoked.")

    with pytest.raises(UserCertificateRevokedError):
        await validate_signer(signer.der, trust=trust, at=NOW, revocation=Lost())


async def test_a_time_without_a_zone_is_the_callers_mistake(
    signer: Leaf, trust: Trust
) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        await validate_signer(signer.der, trust=trust, at=NOW.replace(tzinfo=None))
