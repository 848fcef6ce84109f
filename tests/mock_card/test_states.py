# SPDX-License-Identifier: MIT
"""The states of a new card: its responses, and the transitions out of them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kortilla.mock_card.card_data import ACTIVATION_CODE, CardState
from kortilla.mock_card.profiles import NEW_SCHEME
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import information, powered, send, set_pin, verify

pytestmark = pytest.mark.usefixtures("known_rsa_keys")

ACTIVATED, UNTOUCHED = "01", "00"


def make(folder: Path, **arguments: Any) -> MockCardState:
    return MockCardState.create(folder / "card", **arguments)


# How the code in the letter sets a PIN: tries of a PIN that is not activated, the
# command, and the code. In the old scheme it is the PUK.
OLD, NEW = (0, "2C", "12345678"), (5, "24", ACTIVATION_CODE)


@pytest.mark.parametrize("state", ["new", "partly-activated"])
@pytest.mark.parametrize(
    ("profile", "start", "scheme"),
    [("v5", None, OLD), ("v4.2", None, OLD), ("v5", NEW_SCHEME, NEW)],
)
def test_a_card_that_is_not_activated_is_so_by_the_code_in_its_letter(
    tmp_path: Path,
    profile: str,
    start: datetime | None,
    scheme: tuple[int, str, str],
    state: str,
) -> None:
    made = make(tmp_path, profile=profile, state=state, not_before=start)
    first = asn1_x509.Certificate.load(made.read().keys[0].certificate)
    assert (first.not_valid_before >= NEW_SCHEME) is (scheme is NEW)
    assert first.not_valid_after > datetime.now(UTC) + timedelta(days=365)
    card, (tries, ins, code) = powered(made), scheme
    for reference, pin in (("11", "4711"), ("82", "471100")):
        if (state, reference) == ("partly-activated", "11"):
            assert information(card, reference) == (5, ACTIVATED)
            assert verify(card, reference, "1234") == "9000"
            continue
        assert information(card, reference) == (tries, UNTOUCHED)
        assert send(card, f"002000{reference}") == ("63C5" if tries else "6983")
        wrong = set_pin(card, "24", reference, "7654321", pin)
        assert wrong == ("63C4" if tries else "6983")
        assert set_pin(card, ins, reference, code, pin) == "9000"
        assert information(card, reference) == (5, ACTIVATED)
        assert verify(card, reference, pin) == "9000"
        # It does not work as this PIN, also where it did.
        assert set_pin(card, "24", reference, code, pin) == "63C4"
    # The PUK stays valid, also for unblocking later.
    assert information(card, "83")[0] == 5
    assert set_pin(card, "2C", "11", "12345678", "1357") == "9000"


def test_the_date_decides_the_scheme(
    tmp_path: Path, make_state: Callable[[str], MockCardState]
) -> None:
    before = make(tmp_path, state="new", not_before=NEW_SCHEME - timedelta(days=1))
    assert information(powered(before), "11")[0] == 0
    for key in make_state("v5-2026").read().keys:
        certificate = asn1_x509.Certificate.load(key.certificate)
        assert certificate.not_valid_before >= NEW_SCHEME


@pytest.mark.parametrize(
    ("state", "tries"),
    [
        ("active", (5, 5)),
        ("pin1-blocked", (0, 5)),
        ("pin2-blocked", (5, 0)),
        ("last-try", (1, 1)),
    ],
)
def test_tries_are_those_of_the_state(
    tmp_path: Path, state: str, tries: tuple[int, int]
) -> None:
    card = powered(make(tmp_path, **({} if state == "active" else {"state": state})))
    assert information(card, "83")[0] == 5
    for reference, pin, left in (("11", "1234", tries[0]), ("82", "123456", tries[1])):
        assert information(card, reference) == (left, ACTIVATED)
        assert verify(card, reference, pin) == ("9000" if left else "6983")


@pytest.mark.parametrize("profile", ["v5", "v5-2026", "v4.2"])
def test_an_expired_card_was_valid_once(tmp_path: Path, profile: str) -> None:
    state = make(tmp_path, profile=profile, state="expired")
    for key in state.read().keys:
        certificate = asn1_x509.Certificate.load(key.certificate)
        assert certificate.not_valid_before < certificate.not_valid_after
        assert certificate.not_valid_after < datetime.now(UTC)
        if profile == "v5-2026":
            assert certificate.not_valid_before >= NEW_SCHEME
    assert verify(powered(state), "11", "1234") == "9000"


@pytest.mark.parametrize("profile", ["v5", "v4.2"])
def test_a_revoked_card_stands_in_the_list_of_its_authority(
    tmp_path: Path, profile: str
) -> None:
    state = make(tmp_path, profile=profile, state="revoked")
    issuing = x509.load_der_x509_certificate(
        (state.folder / "issuing.der").read_bytes()
    )
    crl = x509.load_der_x509_crl((state.folder / "revoked.crl").read_bytes())
    key = issuing.public_key()
    assert crl.issuer == issuing.subject
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    assert crl.is_signature_valid(key)
    for each in state.read().keys:
        serial = asn1_x509.Certificate.load(each.certificate).serial_number
        entry = crl.get_revoked_certificate_by_serial_number(serial)
        assert entry
        assert entry.revocation_date_utc == state.read().revoked
    assert len(list(crl)) == len(state.read().keys)
    assert crl.next_update_utc == issuing.not_valid_after_utc
    # The card itself does not notice.
    assert verify(powered(state), "11", "1234") == "9000"
    # The card that replaces it is not revoked.
    assert (state.folder / "revoked.crl").stat().st_mode & 0o077 == 0
    assert make(tmp_path, replace=True).read().revoked is None
    assert not (state.folder / "revoked.crl").exists()


@pytest.mark.parametrize("name", list(CardState))
def test_the_state_is_shown(tmp_path: Path, name: str) -> None:
    state = make(tmp_path, state=name)
    assert state.describe()["state"] == name
    assert json.loads(json.dumps(state.describe())) == state.describe()


def test_the_state_that_is_shown_is_the_present_one(state: MockCardState) -> None:
    card = powered(state)
    shown = []
    for _ in range(5):
        verify(card, "82", "999999")
        shown.append(state.describe()["state"])
    assert shown == ["active", "active", "active", "last-try", "pin2-blocked"]
    assert set_pin(card, "2C", "82", "12345678", "123456") == "9000"
    assert state.describe()["state"] == "active"


def test_a_card_of_the_first_version_still_opens(state: MockCardState) -> None:
    file = state.folder / "card.json"
    content = json.loads(file.read_text())
    for later in ("revoked", "key_agreement", "can", "wrong_cans"):
        del content[later]
    assert set(content) == {
        *("version", "profile", "serial", "surname", "given_name", "satu"),
        *("pin1", "pin2", "puk", "keys"),
    }
    file.write_text(json.dumps(content))
    assert MockCardState.open(state.folder).describe()["state"] == "active"
