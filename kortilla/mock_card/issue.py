# SPDX-License-Identifier: MIT
"""Issues a card's keys and certificates, and revokes them.

The imports of this module are slow, so it is separate: using a card does not need it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import x509 as asn1_x509
from cryptography import x509

from kortilla.mock_card.authority import DEFAULT_ADDRESS, Authority, Person
from kortilla.mock_card.card_data import CardState, KeyData
from kortilla.mock_card.folder import locked, write_atomically
from kortilla.mock_card.keys import generate_key, private_key_der
from kortilla.mock_card.profiles import NEW_SCHEME, Profile

#: The CRL of the CA in a card's folder.
_REVOCATION_LIST = "revoked.crl"

_DAY = timedelta(days=1)
_FIVE_YEARS = timedelta(days=5 * 365)

# Old enough to have the old activation scheme with certainty.
_BEFORE_THE_NEW_SCHEME = datetime(2025, 6, 2, tzinfo=UTC)


@dataclass(frozen=True)
class IssuedCard:
    """An issued card: the authority, the person and the keys.

    ``new_scheme`` is the activation scheme. ``revoked`` and ``revocation_list`` (DER)
    are set if the card was revoked at once.
    """

    authority: Authority
    holder: Person
    keys: tuple[KeyData, ...]
    new_scheme: bool
    revoked: datetime | None = None
    revocation_list: bytes | None = None


def issue_card(
    profile: Profile,
    person: Mapping[str, str],
    state: CardState = CardState.ACTIVE,
    *,
    address: str | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> IssuedCard:
    """Make an authority, and the keys of a profile for a person.

    ``person`` has the fields of ``Person`` that differ from the defaults.
    """
    holder = Person(**person)
    authority = Authority.create(profile.issuer, address=address or DEFAULT_ADDRESS)
    start, end = _validity(profile, state)
    if not_before is not None:
        start, end = not_before, not_before + _FIVE_YEARS
    end = not_after or end
    keys = []
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
        revocation_list = authority.revoke(
            [asn1_x509.Certificate.load(key.certificate).serial_number for key in keys],
            revoked,
        )
    return IssuedCard(
        authority, holder, tuple(keys), start >= NEW_SCHEME, revoked, revocation_list
    )


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
        content = (folder / _REVOCATION_LIST).read_bytes()
    except FileNotFoundError:
        return frozenset()
    return frozenset(entry.serial_number for entry in x509.load_der_x509_crl(content))


def revoke(folder: Path, serial_numbers: Iterable[int]) -> None:
    """Revoke leaves of the card's CA, in addition to the revoked ones."""
    with locked(folder / "card.lock"):
        serials = revoked_serials(folder) | frozenset(serial_numbers)
        now = datetime.now(UTC).replace(microsecond=0)
        content = Authority.open(folder).revoke(sorted(serials), now)
        write_atomically(folder / _REVOCATION_LIST, content)
