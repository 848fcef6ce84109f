# SPDX-License-Identifier: MIT
"""The project's addresses: card login, and who is logged in."""

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

from kortilla import Identity, LoginService, Trust
from kortilla.django import urls
from kortilla.django_auth import CardBackend, log_in, login_identity
from tests.kortilla.pki import NOW, ORIGIN

#: A header with which the hook fails.
BROKEN = "X-Broken"

service = LoginService(
    origin=ORIGIN,
    trust=Trust.from_folder(settings.FOLDER, test=True),
    clock=lambda: NOW,
)


class PersonBackend(CardBackend):
    """Gives each person a user, as docs/login-reference.md has it."""

    satu_field = "satu"
    creates_users = True


def who(request: HttpRequest) -> JsonResponse:
    """Respond with the user, the identity and the session."""
    identity = login_identity(request)
    return JsonResponse(
        {
            "user": request.user.pk,
            "satu": identity and identity.satu,
            "session": request.session.session_key,
        }
    )


def enter(request: HttpRequest, identity: Identity, response: HttpResponse) -> None:
    """Log the person in, and fail after that if the request says so."""
    log_in(request, identity)
    response.set_cookie("entered", "yes")
    if BROKEN in request.headers:
        raise ZeroDivisionError


urlpatterns = [
    path("who", who),
    path("auth/", include(urls(service, on_login=enter, on_logout=logout))),
]
