# SPDX-License-Identifier: MIT
"""A person's identity, and its form in a session."""

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from asn1crypto import x509

from kortilla import Identity, Trust, validate, validate_signer
from kortilla.errors import RevocationCheckFailedError
from kortilla.revocation import UNCHECKED, Revocation
from tests.kortilla import pki
from tests.kortilla.pki import CA, NONCE, NOW, ORIGIN, Leaf, key

POLICY = "1.2.246.517.1.10.352.1"


async def identify(leaf: Leaf, trust: Trust, **options: Any) -> Identity:
    return await validate(
        leaf.token(), origin=ORIGIN, nonce=NONCE, trust=trust, at=NOW, **options
    )


async def test_what_stands_behind_it_is_said_by_the_trust(
    ca: CA, trust: Trust, leaf: Leaf
) -> None:
    production = replace(trust, test=False)
    genuine = ca.issue(key("P-384"), policies=(POLICY,))
    identity = await identify(genuine, production, revocation=UNCHECKED)
    assert (identity.assurance, identity.policy) == ("citizen-certificate", POLICY)
    # A test CA may write any policy into its certificates.
    identity = await identify(genuine, trust)
    assert (identity.assurance, identity.policy) == ("test", POLICY)
    identity = await identify(leaf, trust)
    assert (identity.assurance, identity.policy) == ("test", pki.TEST_POLICY)


async def test_production_trust_checks_revocation_unless_told_otherwise(
    ca: CA, trust: Trust
) -> None:
    production = replace(trust, test=False)
    login = ca.issue(key("P-384"), policies=(POLICY,))
    signer = ca.issue(key("P-384"), policies=(POLICY,), key_usage=pki.SIGNATURE)
    # These leaves name no responder and no list, which is an error.
    with pytest.raises(RevocationCheckFailedError):
        await identify(login, production)
    with pytest.raises(RevocationCheckFailedError):
        await validate_signer(signer.der, trust=production, at=NOW)
    assert await identify(login, production, revocation=UNCHECKED)
    assert await validate_signer(
        signer.der, trust=production, at=NOW, revocation=UNCHECKED
    )


async def test_a_checker_that_is_made_for_one_call_is_said_in_the_log(
    ca: CA, trust: Trust, caplog: pytest.LogCaptureFixture
) -> None:
    production = replace(trust, test=False)
    login = ca.issue(key("P-384"), policies=(POLICY,))
    async with Revocation() as revocation:
        with pytest.raises(RevocationCheckFailedError):
            await identify(login, production, revocation=revocation)
    assert "revocation=" not in caplog.text
    with pytest.raises(RevocationCheckFailedError):
        await identify(login, production)
    assert "revocation=" in caplog.text


async def test_the_common_name_is_never_looked_at(ca: CA, trust: Trust) -> None:
    person = {
        "country_name": "FI",
        "serial_number": pki.SATU,
        "given_name": pki.GIVEN_NAME,
        "surname": pki.SURNAME,
        "common_name": "SPECIMEN-OTHER PERSON 99900335E",
    }
    lying = x509.Name.build(person)
    identity = await identify(ca.issue(key("P-384"), subject_name=lying), trust)
    assert identity == replace(
        await identify(ca.issue(key("P-384")), trust), serial=identity.serial
    )


async def test_an_identity_can_not_be_changed(leaf: Leaf, trust: Trust) -> None:
    identity = await identify(leaf, trust)
    with pytest.raises(FrozenInstanceError):
        identity.satu = "99900335E"  # type: ignore[misc] # what is refused


async def test_a_session_keeps_it_as_json(leaf: Leaf, trust: Trust) -> None:
    identity = await identify(leaf, trust)
    stored = json.loads(json.dumps(identity.to_json()))
    assert Identity.from_json(stored) == identity


async def test_a_session_of_another_version(leaf: Leaf, trust: Trust) -> None:
    identity = await identify(leaf, trust)
    stored = identity.to_json()
    del stored["assurance"], stored["policy"]
    before = Identity.from_json({**stored, "from_the_future": "x"})
    assert before == replace(identity, assurance="unknown", policy="")
