# SPDX-License-Identifier: MIT
"""Who has logged in, and what codes and access tokens stand for."""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from kortilla.common import JsonObject
from kortilla.openid.clients.settings import CLAIMS, ClientSettings
from kortilla.openid.protocol.signing_keys import KeyFile
from kortilla.validation.identity import Identity

#: RFC 8176: a smart card, and its PIN.
_AMR = ["sc", "pin"]


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

    def subject_for(self, client: ClientSettings, keys: KeyFile) -> str:
        """Return the ``sub`` of the person for a client."""
        if client.subject == "public":
            return self.satu
        return keys.read().pairwise(client.sector_identifier, self.satu)

    def seen_by(self, client: ClientSettings, keys: KeyFile) -> "Login":
        """Return this login with its subject for a client."""
        return replace(self, subject=self.subject_for(client, keys))

    def claims(self, client: ClientSettings, wishes: list[str]) -> JsonObject:
        """Return what userinfo answers: what the operator allows and the client wants.

        ``wishes`` are scopes, and names of claims.
        """
        values = {
            "name": f"{self.given_names} {self.surname}",
            "given_name": self.given_names,
            "family_name": self.surname,
            "preferred_username": self.subject,
            "urn:oid:1.2.246.22": self.satu,
            "urn:oid:2.5.4.4": self.surname,
            "urn:oid:1.2.246.575.1.14": self.given_names,
        }
        claims: JsonObject = {"sub": self.subject}
        for name in client.claims:
            if CLAIMS[name] in wishes or name in wishes:
                claims[name] = values[name]
        if client.email is not None and {"email", "email_verified"} & {*wishes}:
            claims["email"] = client.email.replace("{sub}", self.subject)
            claims["email_verified"] = False
        return claims

    def __repr__(self) -> str:
        return "Login()"  # no name in a log


@dataclass(frozen=True)
class _Record:
    client_id: str
    scope: str
    login: Login
    #: Names that the parameter ``claims`` asked for, with spaces between them.
    claims: str = field(default="", kw_only=True)

    def wishes(self) -> list[str]:
        """Return the scopes and the names of claims that the client wants."""
        return [*self.scope.split(), *self.claims.split()]

    def get_scope(self) -> str:
        return self.scope

    def to_json(self) -> JsonObject:
        """Return a dictionary for the store, without what is as by default."""
        data: JsonObject = {
            # A default is an attribute of the class. ``asdict`` copies deeply: slow.
            name: value
            for name, value in vars(self).items()
            if value != getattr(type(self), name, None)
        }
        return data | {"login": dict(vars(self.login))}

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        """Read what ``to_json`` made."""
        return cls(**{**data, "login": Login(**data["login"])})


@dataclass(frozen=True)
class CodeRecord(_Record):
    """What a code stands for. It has the methods that Authlib asks for."""

    redirect_uri: str
    nonce: str
    code_challenge: str
    acr: str
    #: The session's name for the client, if there is a session.
    sid: str = field(default="", kw_only=True)
    #: The thumbprint of the key that redeems it, if the request named one.
    dpop_jkt: str = ""
    code_challenge_method: ClassVar[str] = "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.login.auth_time

    def get_acr(self) -> str:
        return self.acr

    def get_amr(self) -> list[str]:
        return _AMR


@dataclass(frozen=True)
class TokenRecord(_Record):
    """What an access token opens, and the digest of the code that it came from.

    ``jkt`` is the thumbprint of the key that it is bound to, if there is one.
    """

    code_digest: str
    jkt: str = ""

    def is_expired(self) -> bool:
        return False  # the store drops it

    def is_revoked(self) -> bool:
        return False  # the caller has looked
