# SPDX-License-Identifier: MIT
"""Django's users, found by SATU: ``django_project/walk.py`` has the checks."""

import os
import sys
from pathlib import Path

from tests.support import warm_python

PROJECT = "tests.kortilla.django_project"


def test_persons_log_in_as_users_of_a_django_project(tmp_path: Path) -> None:
    own = {"DJANGO_SETTINGS_MODULE": f"{PROJECT}.settings", "FOLDER": str(tmp_path)}
    walk = [sys.executable, "-m", f"{PROJECT}.walk"]
    run = warm_python.run(walk, env=os.environ | own)
    assert run.returncode == 0, run.stderr
