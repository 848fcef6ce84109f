# SPDX-License-Identifier: MIT
"""Who has logged in, as the store and the clients get it."""

from dataclasses import dataclass, replace
from typing import Any, Self

from kortilla.openid.keys import KeyFile
from kortilla.openid.settings import CLAIMS, ClientSettings
from kortilla.validation.identity import Identity

__all__ = ["Login", "claims_of", "subject_of"]


@dataclass(frozen=True)
class Login:
    """A person, and when the card signed (seconds since 1970).

    ``subject`` is the person's for one client; it is empty in a session.
    """

    satu: str
    surname: str
    given_names: str
    auth_time: int
    subject: str = ""

    @classmethod
    def of(cls, identity: Identity, auth_time: int) -> Self:
        """Return the login of a validated identity."""
        return cls(identity.satu, identity.surname, identity.given_names, auth_time)

    def seen_by(self, subject: str) -> "Login":
        """Return this login with its subject for a client."""
        return replace(self, subject=subject)

    def __repr__(self) -> str:
        return "Login()"  # no name in a log


def subject_of(login: Login, client: ClientSettings, keys: KeyFile) -> str:
    """Return the ``sub`` of a person for a client."""
    if client.subject == "public":
        return login.satu
    return keys.read().pairwise(client.sector_identifier, login.satu)


def claims_of(
    login: Login, client: ClientSettings, scopes: list[str]
) -> dict[str, Any]:
    """Return what userinfo answers: what the operator allows and the scopes ask for."""
    values = {
        "name": f"{login.given_names} {login.surname}",
        "given_name": login.given_names,
        "family_name": login.surname,
        "preferred_username": login.subject,
        "urn:oid:1.2.246.22": login.satu,
        "urn:oid:2.5.4.4": login.surname,
        "urn:oid:1.2.246.575.1.14": login.given_names,
    }
    claims: dict[str, Any] = {"sub": login.subject}
    for name in client.claims:
        if CLAIMS[name] in scopes:
            claims[name] = values[name]
    if client.email is not None and "email" in scopes:
        claims["email"] = client.email.replace("{sub}", login.subject)
        claims["email_verified"] = False
    return claims
