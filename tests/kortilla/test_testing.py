# SPDX-License-Identifier: MIT
"""What a service's tests use beside tokens: faults, revoked cards, unittest."""

import subprocess
import sys
from pathlib import Path

import pytest

from kortilla import LoginService, Trust, validate
from kortilla.errors import (
    RevocationCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.testing import (
    BROKEN_TOKENS,
    InvalidArgumentError,
    KortillaCard,
    MakeKortillaCard,
    RevokedCards,
    TokenFault,
)
from tests.kortilla.pki import NONCE, ORIGIN
from tests.support.guide import blocks


async def log_in(
    card: KortillaCard, revocation: RevokedCards, *, broken: str | None = None
) -> str:
    """Validate a token of the card, and return the SATU."""
    service = LoginService(
        origin=ORIGIN,
        trust=Trust.from_folder(card.folder, test=True),
        revocation=revocation,
    )
    person = await validate(
        card.token(ORIGIN, NONCE, broken=broken),
        origin=ORIGIN,
        nonce=NONCE,
        trust=service.trust,
        revocation=service.revocation,
    )
    return person.satu


def test_each_fault_has_its_token_in_the_order_of_the_names() -> None:
    assert [each.name for each in BROKEN_TOKENS] == list(TokenFault)


def test_a_fault_is_given_by_its_name_or_its_text(kortilla_card: KortillaCard) -> None:
    for broken in (TokenFault.UNKNOWN_FORMAT, "unknown-format"):
        token = kortilla_card.token(ORIGIN, NONCE, broken=broken)
        assert token["format"] == "web-eid:2.0"
    with pytest.raises(InvalidArgumentError, match="'wrong-format' is none of wrong-"):
        kortilla_card.token(ORIGIN, NONCE, broken="wrong-format")


async def test_a_revoked_card_is_refused_without_a_checker_of_ones_own(
    kortilla_card: KortillaCard, make_kortilla_card: MakeKortillaCard
) -> None:
    checker = RevokedCards(kortilla_card.folder)
    assert await log_in(kortilla_card, checker) == kortilla_card.person.satu
    with pytest.raises(UserCertificateRevokedError):
        await log_in(kortilla_card, checker, broken=TokenFault.REVOKED)
    # The card is revoked between two logins.
    assert await log_in(kortilla_card, checker)
    kortilla_card.revoke()
    with pytest.raises(UserCertificateRevokedError):
        await log_in(kortilla_card, checker)
    assert kortilla_card.state.describe()["state"] == "revoked"
    revoked = make_kortilla_card(state="revoked")
    with pytest.raises(UserCertificateRevokedError):
        await log_in(revoked, RevokedCards(kortilla_card.folder, revoked.folder))


async def test_a_card_of_an_unknown_ca_is_not_taken_for_a_sound_one(
    kortilla_card: KortillaCard, make_kortilla_card: MakeKortillaCard
) -> None:
    other = make_kortilla_card(state="last-try")
    with pytest.raises(RevocationCheckFailedError):
        await log_in(kortilla_card, RevokedCards(other.folder))


def test_the_example_for_unittest_needs_no_pytest(tmp_path: Path) -> None:
    _, example, *_ = blocks("testers.md", "python")
    (tmp_path / "test_service.py").write_text(example)
    program = (
        "import sys, unittest; sys.modules['pytest'] = None; "
        "unittest.main('test_service', argv=['tests', '-v'])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env={"TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.rstrip().endswith("OK"), done.stderr
    assert "Ran 2 tests" in done.stderr
    # The cards are removed at the end.
    assert {each.name for each in tmp_path.iterdir()} <= {
        "test_service.py",
        "__pycache__",
    }
