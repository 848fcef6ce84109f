# SPDX-License-Identifier: MIT
"""A provider with a client of each profile."""

from pathlib import Path

import pytest

from tests.openid.conftest import MakeOP
from tests.openid.profiles.parties import bank, broker, write_keys
from tests.openid.provider import LocalOP, configuration


@pytest.fixture(scope="session")
def keyed(files: Path) -> Path:
    write_keys(files)
    return files


@pytest.fixture
def op(make_op: MakeOP, keyed: Path) -> LocalOP:
    return make_op(clients=[*configuration()["clients"], bank(), broker()])
