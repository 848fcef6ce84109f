# SPDX-License-Identifier: MIT
"""What the services of all frameworks share."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kortilla import Identity, LoginService, Trust, background
from kortilla.errors import RateLimitedError
from kortilla.events import Event
from kortilla.redis import RedisStores
from kortilla.revocation import By, Revocation
from kortilla.web.rate_limit import Attempt
from kortilla.web.refusals import Refusals
from tests.kortilla.pki import NOW, ORIGIN

#: A client with this address has exceeded its rate limit.
BUSY = "127.0.0.2"
#: The age of a login that is recent.
RECENT = timedelta(minutes=10)
#: A busy machine may take a while to send a body whole.
BODY_SECONDS = 3


def now() -> datetime:
    """The time at which the tests' certificates are valid."""
    return NOW


async def limit(attempt: Attempt) -> None:
    """Refuse one address on every route."""
    assert attempt.route in {"challenge", "login", "logout"}
    if attempt.client == BUSY:
        raise RateLimitedError(retry_after=7)


def broken(_: Event) -> None:
    """Fail at each event: it must not matter to any login."""
    raise ValueError


def told(
    identity: Identity | None, recent: Identity | None, session: str | None
) -> dict[str, Any]:
    """Return the response of ``/who``."""
    return {
        "satu": identity and identity.satu,
        "recent": recent is not None,
        "session": session,
        "certificate": identity and identity.certificate,
    }


def make_service(
    folder: str, redis: str, revocation: Revocation | None = None
) -> tuple[LoginService, dict[str, Any], RedisStores | None]:
    """Return a service, the options of its set-up, and its stores."""
    stores = RedisStores.from_url(redis, seconds=10, clock=now) if redis else None
    service = LoginService(
        origin=ORIGIN,
        trust=Trust.from_folder(Path(folder), test=True),
        revocation=revocation,
        challenges=stores.challenges if stores else None,
        rate_limit=limit,
        refusals=Refusals(texts={"fi": {"home": "Etusivulle <oma>"}}),
        on_event=broken,
        pseudonym_key=bytes(32),
        clock=now,
    )
    options = {
        "sessions": stores.sessions if stores else None,
        "body_seconds": BODY_SECONDS,
    }
    return service, options, stores


def lasting_service(
    folder: str, redis: str, by: By | None
) -> tuple[LoginService, dict[str, Any]]:
    """Return a service that closes what it uses when the process ends."""
    revocation = by and Revocation(by=by, allow_private_addresses=True, clock=now)
    service, options, stores = make_service(folder, redis, revocation or None)
    for one in (revocation, stores):
        if one:
            background.at_exit(one.close)
    return service, options


def with_process(application: Any) -> Any:
    """Wrap a WSGI application."""

    def answer(environ: Any, start_response: Any) -> Any:
        """Add the worker's process id to the response."""
        mine = ("X-Process", str(os.getpid()))
        return application(environ, lambda s, h, *e: start_response(s, [*h, mine], *e))

    return answer
