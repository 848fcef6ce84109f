# SPDX-License-Identifier: MIT
"""Django users of persons with a card (``kortilla[django]``).

In ``settings.py``, ``AUTHENTICATION_BACKENDS`` names ``CardBackend`` or a class derived
from it. In ``urls.py``,
``path("auth/", include(urls(service, on_login=log_in, on_logout=logout)))``, with
Django's own ``logout``. Then ``request.user`` is the person.
"""

from datetime import timedelta

from django.contrib.auth import authenticate, get_user_model, login
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from kortilla.clock import utc_now
from kortilla.errors import LoginNotAllowedError
from kortilla.validation.identity import Identity
from kortilla.web.login import LoginService

__all__ = ["CardBackend", "log_in", "login_identity"]


class CardBackend(ModelBackend):  # type: ignore[misc] # Django has no types
    """Finds a person's user by SATU, and has Django's permissions.

    It checks no passwords. Derive a class from it to change the attributes.
    """

    #: The user model's field with the SATU, or a lookup such as ``profile__satu``.
    satu_field = "username"
    #: Whether a person without a user gets one. Otherwise that person may not log in.
    creates_users = False

    def authenticate(
        self,
        request: HttpRequest | None,
        identity: Identity | None = None,
        **credentials: object,
    ) -> AbstractBaseUser | None:
        """Return the active user of a person whose login was validated, or None."""
        if identity is None or credentials:
            return None
        user = self.find_user(identity)
        if user is None and self.creates_users:
            try:
                with transaction.atomic():
                    user = self.create_user(identity)
            except IntegrityError:  # a simultaneous login has created it
                user = self.find_user(identity)
        return user if user and self.user_can_authenticate(user) else None

    def find_user(self, identity: Identity) -> AbstractBaseUser | None:
        """Return the person's user, or None."""
        users = get_user_model()._default_manager
        return users.filter(**{self.satu_field: identity.satu}).first()

    def create_user(self, identity: Identity) -> AbstractBaseUser:
        """Create a user without a password, with the names of the card.

        Override it for a ``satu_field`` in another model, or a user model with other
        names.
        """
        model = get_user_model()
        user = model(**{model.USERNAME_FIELD: identity.satu})
        setattr(user, self.satu_field, identity.satu)
        user.first_name = identity.given_names
        user.last_name = identity.surname
        user.set_unusable_password()
        user.save()
        return user


def log_in(request: HttpRequest, identity: Identity) -> None:
    """Log a person in, with a new session: the ``on_login`` of ``kortilla.django``.

    Raises ``LoginNotAllowedError`` if no backend has an active user of the person.
    """
    user = authenticate(request, identity=identity)
    if user is None:
        raise LoginNotAllowedError("The person has no active user.")
    login(request, user)
    LoginService.set_identity(request.session, identity)


def login_identity(
    request: HttpRequest, *, max_age: timedelta | None = None
) -> Identity | None:
    """Return the identity with which this session's user logged in, or None.

    None too for a user who logged in otherwise, and with ``max_age`` if the login is
    older: then ask for another login before something that matters.
    """
    identity = LoginService.identity(request.session)
    if identity is None or not request.user.is_authenticated:
        return None
    if max_age is not None and not identity.is_recent(max_age, at=utc_now()):
        return None
    return identity
