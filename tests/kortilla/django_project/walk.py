# SPDX-License-Identifier: MIT
"""Walks through logins of a Django project with users, and prints what it saw.

Wants ``FOLDER`` and ``DJANGO_SETTINGS_MODULE`` in the environment. A process has one
Django project, so one walk sees everything; ``test_django_users.py`` judges it.
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
from tests.kortilla.pki import CA, NOW, ORIGIN, Leaf, key, subject

IDENTITY = Identity(
    surname="SPECIMEN-MEIKÄLÄINEN",
    given_names="MAIJA",
    satu="99902038C",
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

    def who(self) -> dict[str, Any]:
        """Return the user, the identity and the session of the browser."""
        answer = self._client.get("/who", headers=self._headers, secure=True)
        return dict(answer.json())

    @property
    def cookies(self) -> list[str]:
        """The names of the cookies that are there."""
        cookies = self._client.cookies.items()
        return sorted(name for name, cookie in cookies if cookie.value)


def walk() -> dict[str, Any]:
    """Return what was seen, by name."""
    root = CA.create("SPECIMEN Root CA")
    ca = CA.create("SPECIMEN Issuing CA", parent=root)
    aino = ca.issue(key("P-384"))
    eino = ca.issue(key("P-384"), subject_name=subject(satu="99902039D"))
    for name, each in {"ca": ca, "root": root}.items():
        (settings.FOLDER / f"{name}.der").write_bytes(each.der)
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    users = get_user_model().objects
    seen: dict[str, Any] = {}
    browser, other = Browser(), Browser()
    seen["before"] = browser.who()
    seen["first login"] = browser.log_in(aino)
    seen["first user"] = browser.who()
    seen["cookies"] = browser.cookies
    person = users.get()
    seen["created"] = {
        "satu": person.satu,
        "name": [person.first_name, person.last_name],
        "password": person.has_usable_password(),
    }
    seen["again"] = [other.log_in(aino)[0], other.who(), users.count()]
    seen["other person"] = [other.log_in(eino)[0], other.who(), users.count()]
    seen["foreign page"] = browser.post("logout", {}, origin="https://evil.example")
    seen["still"] = browser.who()
    seen["logout"] = browser.post("logout", {})
    seen["after"] = [browser.who(), browser.cookies]
    seen["broken hook"] = [browser.log_in(aino, **{"X-Broken": "1"})[0], browser.who()]
    person.is_active = False
    person.save()
    seen["inactive"] = [browser.log_in(aino), browser.who()]
    users.filter(pk=person.pk).delete()
    backend, found = load_backend("kortilla.django_auth.CardBackend"), []
    for satu in ("99902038C", "99902039D"):
        user = backend.authenticate(None, replace(IDENTITY, satu=satu))
        found.append(user and user.username)
    seen["by username, none created"] = found
    seen["password"] = repr(authenticate(None, username="x", password="y"))
    return seen


if __name__ == "__main__":
    print(json.dumps(walk()))
