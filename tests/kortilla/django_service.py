# SPDX-License-Identifier: MIT
"""The Django service with card login, and what it shares with the other frameworks'.

It imports no other framework: gunicorn starts it some twenty times.
"""

import os
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import django
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

import kortilla.django
from kortilla import Identity, LoginService, Trust, background
from kortilla.errors import RateLimitedError
from kortilla.redis import RedisStores
from kortilla.revocation import By, Revocation
from kortilla.web.rate_limit import Attempt
from tests.kortilla.pki import NOW, ORIGIN

__all__ = ["BUSY", "make_service", "set_up_django", "told", "wsgi"]

#: A client with this address has exceeded its rate limit.
BUSY = "127.0.0.2"
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


def told(identity: Identity | None) -> dict[str, Any]:
    """Return the response of ``/who``."""
    return {"satu": identity and identity.satu}


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
        clock=now,
    )
    options = {
        "sessions": stores.sessions if stores else None,
        "body_seconds": BODY_SECONDS,
    }
    return service, options, stores


def set_up_django(service: LoginService, options: dict[str, Any]) -> None:
    """Configure this process's Django as a service: one view of each kind."""

    def who(request: HttpRequest) -> HttpResponse:
        identity = async_to_sync(kortilla.django.current_identity)(request)
        return JsonResponse(told(identity))

    async def leave(request: HttpRequest) -> HttpResponse:
        if not kortilla.django.is_same_origin(request, ORIGIN):
            return HttpResponse(status=403)
        response = JsonResponse({})
        await kortilla.django.end_session(request, response)
        return response

    leave.csrf_exempt = True  # type: ignore[attr-defined] # Django's own way to say it
    addresses = ModuleType("addresses")
    addresses.urlpatterns = [  # type: ignore[attr-defined] # as urls.py has it
        path("who", who),
        path("leave", leave),
        path("auth/", include(kortilla.django.urls(service, **options))),
    ]
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "kortilla.django.StoreUnavailableMiddleware",
        ],
        ROOT_URLCONF=addresses,
        SECRET_KEY="x",
    )
    django.setup()


def wsgi(folder: str, redis: str, by: By | None = None) -> Any:
    """Return the Django service for ``wsgi.py``; ``by`` checks revocation."""
    revocation = by and Revocation(by=by, allow_private_addresses=True, clock=now)
    service, options, stores = make_service(folder, redis, revocation or None)
    for one in (revocation, stores):
        if one:
            background.at_exit(one.close)
    set_up_django(service, options)
    application = get_wsgi_application()

    def answer(environ: Any, start_response: Any) -> Any:
        """Add the worker's process id to the response."""
        mine = ("X-Process", str(os.getpid()))
        return application(environ, lambda s, h, *e: start_response(s, [*h, mine], *e))

    return answer
