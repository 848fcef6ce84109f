# SPDX-License-Identifier: MIT
"""The making of a card's keys and certificates, apart from its daily use.

What is imported here takes its time, and a host that only uses a card goes without.
"""

from collections.abc import Mapping
from datetime import datetime

from asn1crypto import x509

from .authority import DEFAULT_ADDRESS, Authority, Person
from .keys import generate_key, private_key_der
from .profiles import Profile
from .state import KeyData

__all__ = ["describe_certificate", "issue_card"]


def issue_card(
    profile: Profile,
    person: Mapping[str, str],
    *,
    address: str | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> tuple[Authority, Person, tuple[KeyData, ...]]:
    """Make an authority and, for a person, the keys that the profile has.

    ``person`` holds the fields of ``Person`` that are not to be the usual ones.
    """
    holder = Person(**person)
    authority = Authority.create(profile.issuer, address=address or DEFAULT_ADDRESS)
    keys = []
    for slot in profile.keys:
        key = generate_key(slot.key_type)
        certificate = authority.issue(
            key.public_key(),
            holder,
            slot.purpose,
            not_before=not_before,
            not_after=not_after,
            null_parameters=profile.null_parameters,
        )
        keys.append(
            KeyData(
                reference=slot.reference,
                private_key=private_key_der(key),
                certificate=certificate,
            )
        )
    return authority, holder, tuple(keys)


def describe_certificate(der: bytes) -> dict[str, str]:
    """Return the bounds of a certificate's validity, in ISO 8601."""
    certificate = x509.Certificate.load(der)
    return {
        "notBefore": certificate.not_valid_before.isoformat(),
        "notAfter": certificate.not_valid_after.isoformat(),
    }
