# SPDX-License-Identifier: MIT
"""The Django service with card login."""

from types import ModuleType
from typing import Any

import django
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

import kortilla.django
from kortilla import LoginService
from kortilla.revocation import By
from tests.kortilla.pki import ORIGIN
from tests.kortilla.service import RECENT, lasting_service, told, with_process


def set_up_django(service: LoginService, options: dict[str, Any]) -> None:
    """Configure this process's Django as a service: one view of each kind."""

    def who(request: HttpRequest) -> HttpResponse:
        current = async_to_sync(kortilla.django.current_identity)
        session = async_to_sync(kortilla.django.session_id)(request)
        return JsonResponse(
            told(current(request), current(request, max_age=RECENT), session)
        )

    async def leave(request: HttpRequest) -> HttpResponse:
        if not kortilla.django.is_same_origin(request, ORIGIN):
            return HttpResponse(status=403)
        response = JsonResponse({})
        if satu := request.GET.get("satu"):
            await kortilla.django.end_sessions(request, satu)
        else:
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
    set_up_django(*lasting_service(folder, redis, by))
    return with_process(get_wsgi_application())
