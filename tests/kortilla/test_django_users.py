# SPDX-License-Identifier: MIT
"""Django's users, found by SATU: one walk through a project, and what it saw."""

import json
import os
import sys
from typing import Any

import pytest

from tests.kortilla.pki import GIVEN_NAME, SATU, SURNAME
from tests.support import warm_python

PROJECT = "tests.kortilla.django_project"
CSRF, SESSION, OWN = "csrftoken", "sessionid", "entered"
OTHER_SATU = "99902039D"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("django")
    run = warm_python.run(
        [sys.executable, "-m", f"{PROJECT}.walk"],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": f"{PROJECT}.settings", "FOLDER": str(folder)},
    )
    assert run.returncode == 0, run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def test_a_first_login_makes_a_user_without_a_password(seen: dict[str, Any]) -> None:
    assert seen["before"]["user"] is None
    greeting = {"name": f"{GIVEN_NAME} {SURNAME}", "satu": SATU}
    assert seen["first login"] == [200, greeting]
    assert seen["first user"]["satu"] == SATU
    assert seen["first user"]["user"] is not None
    assert seen["created"] == {
        "satu": SATU,
        "name": [GIVEN_NAME, SURNAME],
        "password": False,
    }


def test_djangos_session_is_the_only_one_beside_the_projects_own_cookie(
    seen: dict[str, Any],
) -> None:
    assert seen["cookies"] == [CSRF, OWN, SESSION]


def test_a_later_login_finds_the_user(seen: dict[str, Any]) -> None:
    status, who, count = seen["again"]
    assert (status, who["user"], count) == (200, seen["first user"]["user"], 1)


def test_another_persons_login_gets_another_user_and_session(
    seen: dict[str, Any],
) -> None:
    status, who, count = seen["other person"]
    assert (status, who["satu"], count) == (200, OTHER_SATU, 2)
    assert who["user"] != seen["again"][1]["user"]
    assert who["session"] != seen["again"][1]["session"]


def test_another_sites_page_logs_nobody_out(seen: dict[str, Any]) -> None:
    assert seen["foreign page"][0] == 403
    assert seen["still"] == seen["first user"]


def test_a_logout_ends_djangos_session(seen: dict[str, Any]) -> None:
    assert seen["logout"] == [200, {}]
    who, cookies = seen["after"]
    assert (who["user"], who["satu"], cookies) == (None, None, [CSRF, OWN])


def test_a_hook_that_fails_lets_nobody_in(seen: dict[str, Any]) -> None:
    status, who = seen["broken hook"]
    assert (status, who["user"], who["satu"]) == (500, None, None)


def test_an_inactive_user_may_not_log_in(seen: dict[str, Any]) -> None:
    [status, content], who = seen["inactive"]
    assert (status, content["error"]["code"]) == (403, "LOGIN_NOT_ALLOWED")
    assert "may not use this service" in content["error"]["message"]
    assert (who["user"], who["satu"]) == (None, None)


def test_the_plain_backend_finds_users_by_name_and_makes_none(
    seen: dict[str, Any],
) -> None:
    assert seen["by username, none created"] == [None, OTHER_SATU]


def test_a_password_is_not_for_the_card(seen: dict[str, Any]) -> None:
    assert seen["password"] == "None"
