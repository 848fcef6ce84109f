# SPDX-License-Identifier: MIT
"""What codes and access tokens stand for, and the refusal of a request."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from kortilla.openid.person import Login

__all__ = ["CodeRecord", "RefusedError", "TokenRecord"]

#: RFC 8176: a smart card, and its PIN.
_AMR = ["sc", "pin"]


class RefusedError(Exception):
    """A request that is refused; ``error`` and the rest are those of RFC 6749 §5.2."""

    def __init__(
        self,
        error: str,
        description: str,
        *,
        status: int = 400,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
        self.headers = tuple(headers)


@dataclass(frozen=True)
class CodeRecord:
    """What a code stands for. It has the methods that Authlib asks for."""

    client_id: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str
    acr: str
    login: Login
    code_challenge_method: ClassVar[str] = "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.login.auth_time

    def get_acr(self) -> str:
        return self.acr

    def get_amr(self) -> list[str]:
        return _AMR

    def to_json(self) -> dict[str, Any]:
        """Return a dictionary for the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what ``to_json`` made."""
        return cls(**{**data, "login": Login(**data["login"])})


@dataclass(frozen=True)
class TokenRecord:
    """What an access token opens, and the digest of the code that it came from."""

    client_id: str
    scope: str
    login: Login
    code_digest: str

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return False  # the store drops it

    def is_revoked(self) -> bool:
        return False  # the caller has looked

    def to_json(self) -> dict[str, Any]:
        """Return a dictionary for the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what ``to_json`` made."""
        return cls(**{**data, "login": Login(**data["login"])})
