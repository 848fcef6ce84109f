# SPDX-License-Identifier: MIT
"""What happens at a service's login and signatures, for audit trails and metrics.

``LoginService(on_event=…, pseudonym_key=…)`` calls a hook with each of these:

- ``ChallengeIssued``, ``LoggedIn``, ``LoggedOut``, and ``Refused`` with a code;
- ``ClientAnswered``, when a login for a client of an OpenID Provider has ended;
- ``ClientChanged``, when an OpenID Provider's configuration was read anew;
- ``SignaturePrepared``, ``SignatureMade`` and ``SignatureRefused``, if the service runs
  its signatures through ``service.events.preparing`` and ``finishing``.

An event holds no name, SATU, certificate or document. The person is a pseudonym that
only the holder of the key can compute. A hook runs in a thread of its own: it can delay
or refuse nothing.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import ClassVar, Literal

from kortilla.errors import ConfigurationError

__all__ = [
    "Action",
    "ChallengeIssued",
    "ClientAnswered",
    "ClientChanged",
    "Event",
    "EventHook",
    "LoggedIn",
    "LoggedOut",
    "Refused",
    "RequestContext",
    "SignatureMade",
    "SignaturePrepared",
    "SignatureRefused",
    "Step",
    "check_key",
    "pseudonym",
]

#: The routes of a login, and the steps of a signature.
Action = Literal["challenge", "login", "logout"]
Step = Literal["prepare", "finish"]

_MIN_KEY_BYTES = 32
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


@dataclass(frozen=True)
class RequestContext:
    """The request in which something happens: its id and the client's address.

    By default the id is new: 16 hexadecimal digits. The address reaches events only if
    the service wants addresses.
    """

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    client: str | None = None

    @classmethod
    def of(cls, ids: list[str], client: str | None) -> "RequestContext":
        """Use the one id that a proxy gave, if it is one."""
        if len(ids) == 1 and _REQUEST_ID.fullmatch(ids[0]):
            return cls(ids[0], client)
        return cls(client=client)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. ``kind`` is stable, for programs.

    ``time`` is in UTC. ``request`` is the id of the request. ``client`` is the peer's
    address, or None unless the service wants it. ``person`` is a pseudonym, or None if
    the person is not known.
    """

    kind: ClassVar[str] = "event"

    time: datetime
    request: str
    client: str | None = None
    person: str | None = None

    def to_json(self) -> dict[str, str | float | None]:
        """Return a dictionary for JSON, with the event's kind under ``event``."""
        content: dict[str, str | float | None] = {"event": self.kind}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, datetime):
                value = value.isoformat(timespec="milliseconds")
            elif isinstance(value, float):
                value = round(value, 6)
            content[each.name] = value
        return content


@dataclass(frozen=True, kw_only=True)
class ChallengeIssued(Event):
    """A browser session got a challenge."""

    kind: ClassVar[str] = "challenge"


@dataclass(frozen=True, kw_only=True)
class LoggedIn(Event):
    """A person logged in: the session is stored.

    ``issuer`` is the issuing CA's common name, ``assurance`` as in ``Identity``;
    ``seconds`` is how long the request took.
    """

    kind: ClassVar[str] = "login"

    issuer: str
    assurance: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Refused(Event):
    """A request to one of the login's routes was refused.

    ``code`` is that of the response; ``INTERNAL_ERROR`` and ``CANCELLED`` are an
    unforeseen error and a client that went away.
    """

    kind: ClassVar[str] = "refusal"

    action: Action
    code: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class LoggedOut(Event):
    """A person's session ended by a logout, or ``sessions`` by ``end_sessions``.

    A session that expires causes no event.
    """

    kind: ClassVar[str] = "logout"

    sessions: int = 1


@dataclass(frozen=True, kw_only=True)
class ClientAnswered(Event):
    """An OpenID Provider has told a client how a login ended.

    The user logged in by the ``card``, or an earlier login's ``session`` counted; or
    the user has ``cancelled``, or was ``refused``.
    """

    kind: ClassVar[str] = "answer"

    client_id: str
    outcome: Literal["card", "session", "cancelled", "refused"]


@dataclass(frozen=True, kw_only=True)
class ClientChanged(Event):
    """A client of an OpenID Provider was added, changed or removed while it ran.

    ``keys`` are those of its configuration that differ, with commas between them.
    """

    kind: ClassVar[str] = "client"

    client_id: str
    change: Literal["added", "changed", "removed"]
    keys: str = ""


@dataclass(frozen=True, kw_only=True)
class SignaturePrepared(Event):
    """A signature was prepared for the card. ``seconds`` is how long it took."""

    kind: ClassVar[str] = "signature-prepared"

    seconds: float


@dataclass(frozen=True, kw_only=True)
class SignatureMade(Event):
    """A signature was verified, or put into its document."""

    kind: ClassVar[str] = "signature-made"

    seconds: float


@dataclass(frozen=True, kw_only=True)
class SignatureRefused(Event):
    """A signature was refused, while it was prepared or finished; see ``Refused``."""

    kind: ClassVar[str] = "signature-refused"

    step: Step
    code: str
    seconds: float


#: A function that is called with each event, or a coroutine function.
EventHook = Callable[[Event], None] | Callable[[Event], Awaitable[None]]


def pseudonym(key: bytes, satu: str) -> str:
    """Return a person's pseudonym: HMAC-SHA-256 of the SATU, 64 hexadecimal digits.

    For looking up a person in an audit trail. ``key`` is as in ``check_key``.
    """
    check_key(key)
    return hmac.new(key, b"kortilla satu\n" + satu.encode(), hashlib.sha256).hexdigest()


def check_key(key: object) -> None:
    """Raise ``ConfigurationError`` unless a pseudonym key has at least 32 bytes.

    There are few SATUs, so that a short key would give them away.
    """
    if not isinstance(key, bytes) or len(key) < _MIN_KEY_BYTES:
        raise ConfigurationError(
            f"A pseudonym key has at least {_MIN_KEY_BYTES} random bytes: make it once "
            "with secrets.token_bytes(32), and keep it secret."
        )
