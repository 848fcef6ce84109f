# SPDX-License-Identifier: MIT
"""Issues a card's keys and certificates, and revokes them.

The imports of this module are slow, so it is separate: using a card does not need it.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import x509 as asn1_x509
from cryptography import x509

from kortilla.mock_card.authority import DEFAULT_ADDRESS, Authority, Person
from kortilla.mock_card.card_data import (
    CardData,
    CardState,
    KeyData,
    PinData,
    first_pins,
)
from kortilla.mock_card.folder import locked, write_atomically
from kortilla.mock_card.keys import generate_key, private_key_der
from kortilla.mock_card.profiles import NEW_SCHEME, Profile

#: The CRL of the CA in a card's folder.
REVOCATION_LIST = "revoked.crl"

_DAY = timedelta(days=1)
_FIVE_YEARS = timedelta(days=5 * 365)

# Old enough to have the old activation scheme with certainty.
_BEFORE_THE_NEW_SCHEME = datetime(2025, 6, 2, tzinfo=UTC)


def issue_card(
    profile: Profile,
    state: CardState = CardState.ACTIVE,
    *,
    person: Mapping[str, str] | None = None,
    pins: tuple[str, str, str] = ("1234", "123456", "12345678"),
    address: str | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> tuple[Authority, CardData, bytes | None]:
    """Make an authority, the data of a card, and the CRL of a card that is revoked.

    ``person`` has the fields of ``Person`` that differ from the defaults, ``pins`` are
    PIN1, PIN2 and PUK.
    """
    holder = Person(**(person or {}))
    authority = Authority.create(profile.issuer, address=address or DEFAULT_ADDRESS)
    start, end = _validity(profile, state)
    if not_before is not None:
        start, end = not_before, not_before + _FIVE_YEARS
    end = not_after or end
    keys, serials = [], []
    for slot in profile.keys:
        key = generate_key(slot.key_type)
        certificate = authority.issue(
            key.public_key(),
            holder,
            slot.purpose,
            not_before=start,
            not_after=end,
            null_parameters=profile.null_parameters,
        )
        serials.append(asn1_x509.Certificate.load(certificate).serial_number)
        keys.append(
            KeyData(
                reference=slot.reference,
                private_key=private_key_der(key),
                certificate=certificate,
            )
        )
    revoked, revocation_list = None, None
    if state is CardState.REVOKED:
        revoked = datetime.now(UTC).replace(microsecond=0)
        revocation_list = authority.revoke(serials, revoked)
    pin1, pin2 = first_pins(state, start >= NEW_SCHEME, *pins[:2])
    data = CardData(
        profile=profile.name,
        serial=profile.serial_format.format(f"{secrets.randbelow(10**9):09d}"),
        **asdict(holder),
        pin1=pin1,
        pin2=pin2,
        puk=PinData(value=pins[2], changed=False),
        revoked=revoked,
        keys=tuple(keys),
    )
    return authority, data, revocation_list


def _validity(profile: Profile, state: CardState) -> tuple[datetime, datetime]:
    """Return the validity of a card, which fits its activation scheme."""
    yesterday = datetime.now(UTC) - _DAY
    if state is CardState.EXPIRED:
        start = yesterday - _FIVE_YEARS
        return (max(start, NEW_SCHEME) if profile.new_scheme else start), yesterday
    if profile.new_scheme:
        start = max(yesterday, NEW_SCHEME)
    else:
        start = min(yesterday, _BEFORE_THE_NEW_SCHEME)
    # Old-scheme cards can still be made after the last real ones have expired.
    return start, max(start + _FIVE_YEARS, yesterday + 366 * _DAY)


def describe_certificate(der: bytes) -> dict[str, str]:
    """Return a certificate's validity, in ISO 8601."""
    certificate = asn1_x509.Certificate.load(der)
    return {
        "notBefore": certificate.not_valid_before.isoformat(),
        "notAfter": certificate.not_valid_after.isoformat(),
    }


def revoked_serials(folder: Path) -> frozenset[int]:
    """Return the serial numbers of the revoked leaves.

    Raises ``OSError`` and ``ValueError`` for a file that can't be read.
    """
    try:
        content = (folder / REVOCATION_LIST).read_bytes()
    except FileNotFoundError:
        return frozenset()
    return frozenset(entry.serial_number for entry in x509.load_der_x509_crl(content))


def revoke(folder: Path, serial_numbers: Iterable[int]) -> None:
    """Revoke leaves of the card's CA, in addition to the revoked ones."""
    with locked(folder / "card.lock"):
        serials = revoked_serials(folder) | frozenset(serial_numbers)
        now = datetime.now(UTC).replace(microsecond=0)
        content = Authority.open(folder).revoke(sorted(serials), now)
        write_atomically(folder / REVOCATION_LIST, content)
