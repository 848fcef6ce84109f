# SPDX-License-Identifier: MIT
"""The project's authentication backend, as docs/login-reference.md has it."""

from kortilla.django_auth import CardBackend


class PersonBackend(CardBackend):
    """Gives each person a user."""

    satu_field = "satu"
    creates_users = True
