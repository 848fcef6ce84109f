# SPDX-License-Identifier: MIT
"""A user model with the SATU beside the name."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):  # type: ignore[misc] # Django has no types
    """A user, found by SATU."""

    satu = models.CharField(max_length=9, unique=True, null=True)

    class Meta:
        app_label = "django_project"
