# SPDX-License-Identifier: MIT
"""The project's settings. ``FOLDER`` in the environment has the database and the CA."""

import os
from pathlib import Path

FOLDER = Path(os.environ["FOLDER"])

ALLOWED_HOSTS = ["service.example"]
AUTHENTICATION_BACKENDS = [
    "tests.kortilla.django_project.urls.PersonBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_USER_MODEL = "django_project.Person"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "database"}
}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "tests.kortilla.django_project",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kortilla.django.StoreUnavailableMiddleware",
]
ROOT_URLCONF = "tests.kortilla.django_project.urls"
SECRET_KEY = "x"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SECURE = True
