# SPDX-License-Identifier: MIT
"""Walks through logins of a Django project with users, and checks what it sees.

Wants ``FOLDER`` and ``DJANGO_SETTINGS_MODULE`` in the environment. A process has one
Django project, so ``test_django_users.py`` runs one walk.
"""

import json
from dataclasses import replace
from typing import Any

import django
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, load_backend
from django.core.management import call_command
from django.test import Client

from kortilla import Identity
from tests.kortilla.pki import (
    CA,
    GIVEN_NAME,
    NOW,
    ORIGIN,
    SATU,
    SURNAME,
    Leaf,
    key,
    subject,
)

OTHER_SATU = "99902039D"
IDENTITY = Identity(
    surname=SURNAME,
    given_names=GIVEN_NAME,
    satu=SATU,
    country="FI",
    issuer="SPECIMEN Issuing CA",
    serial="1",
    not_before=NOW,
    not_after=NOW,
)


class Browser:
    """A browser on the project; requests go through Django's own check of CSRF."""

    def __init__(self) -> None:
        self._client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self._headers = {"origin": ORIGIN, "host": "service.example"}

    def post(self, name: str, content: Any, **headers: str) -> Any:
        """Return status and content of the response of card login."""
        answer = self._client.post(
            f"/auth/{name}",
            json.dumps(content),
            content_type="application/json",
            headers=self._headers | headers,
            secure=True,
        )
        kind = answer.headers["Content-Type"]
        return answer.status_code, answer.json() if "json" in kind else None

    def log_in(self, leaf: Leaf, **headers: str) -> Any:
        """Log in with a card, and return status and content."""
        _, challenge = self.post("challenge", {})
        token = leaf.token(nonce=challenge["nonce"])
        return self.post("login", {"authToken": token}, **headers)

    def who(self) -> tuple[int | None, str | None, str | None]:
        """Return the user, the SATU and the session of the browser."""
        answer = self._client.get("/who", headers=self._headers, secure=True)
        user, satu, session = answer.json().values()
        return user, satu, session

    @property
    def cookies(self) -> list[str]:
        """The names of the cookies that are there."""
        cookies = self._client.cookies.items()
        return sorted(name for name, cookie in cookies if cookie.value)


def walk() -> None:
    """Log in and out, and check each step."""
    root = CA.create("SPECIMEN Root CA")
    ca = CA.create("SPECIMEN Issuing CA", parent=root)
    aino = ca.issue(key("P-384"))
    eino = ca.issue(key("P-384"), subject_name=subject(satu=OTHER_SATU))
    for name, each in {"ca": ca, "root": root}.items():
        (settings.FOLDER / f"{name}.der").write_bytes(each.der)
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    users = get_user_model().objects
    browser, other = Browser(), Browser()
    nobody = (None, None)
    assert browser.who()[:2] == nobody

    # A first login makes a user without a password. Django's session is the only one,
    # beside the project's own cookie.
    greeting = {"name": f"{GIVEN_NAME} {SURNAME}", "satu": SATU}
    assert browser.log_in(aino) == (200, greeting)
    first = browser.who()
    person = users.get()
    assert first[:2] == (person.pk, SATU)
    names = (person.satu, person.first_name, person.last_name)
    assert names == (SATU, GIVEN_NAME, SURNAME)
    assert not person.has_usable_password()
    assert browser.cookies == ["csrftoken", "entered", "sessionid"]

    # A later login finds the user, and another person's gets another one.
    assert other.log_in(aino)[0] == 200
    again = other.who()
    assert (again[0], users.count()) == (person.pk, 1)
    assert other.log_in(eino)[0] == 200
    user, satu, session = other.who()
    assert (satu, users.count()) == (OTHER_SATU, 2)
    assert user != again[0]
    assert session != again[2]

    # Another site's page logs nobody out, and a logout ends Django's session.
    assert browser.post("logout", {}, origin="https://evil.example")[0] == 403
    assert browser.who() == first
    assert browser.post("logout", {}) == (200, {})
    assert browser.who()[:2] == nobody
    assert browser.cookies == ["csrftoken", "entered"]

    # A hook that fails lets nobody in, and neither does an inactive user.
    assert browser.log_in(aino, **{"X-Broken": "1"})[0] == 500
    assert browser.who()[:2] == nobody
    person.is_active = False
    person.save()
    status, content = browser.log_in(aino)
    assert (status, content["error"]["code"]) == (403, "LOGIN_NOT_ALLOWED")
    assert "may not use this service" in content["error"]["message"]
    assert browser.who()[:2] == nobody

    # The plain backend finds users by name and makes none. Passwords are not for it.
    users.filter(pk=person.pk).delete()
    backend = load_backend("kortilla.django_auth.CardBackend")
    for satu, found in ((SATU, None), (OTHER_SATU, OTHER_SATU)):
        found_user = backend.authenticate(None, replace(IDENTITY, satu=satu))
        assert (found_user and found_user.username) == found
    assert authenticate(None, username="x", password="y") is None


if __name__ == "__main__":
    walk()
