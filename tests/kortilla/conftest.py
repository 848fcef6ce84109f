# SPDX-License-Identifier: MIT
"""Fixtures for the tests of the library."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from kortilla import Trust
from kortilla.mock_card.authority import Authority
from kortilla.mock_card.state import MockCardState
from kortilla.signing import processes
from kortilla.testing import KortillaCard
from tests.kortilla.pki import CA, Clock, Leaf, key
from tests.kortilla.redis_server import RedisServer, running_redis
from tests.kortilla.responder import Server
from tests.kortilla.sites import NAMES, RunningSite, Sites
from tests.support import warm_python
from tools.demo.site import DemoServer


@pytest.fixture(scope="session", autouse=True)
def fork_pdf_processes() -> Iterator[None]:
    """Let the processes that read PDF files come from one with all imports done."""
    with pytest.MonkeyPatch.context() as patch:
        forking = SimpleNamespace(
            Popen=warm_python.start_pdf_process, PIPE=subprocess.PIPE
        )
        patch.setattr(processes, "subprocess", forking)
        yield
        processes.shared_processes().close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def root() -> CA:
    """A test root CA."""
    return CA.create("SPECIMEN Root CA")


@pytest.fixture(scope="session")
def ca(root: CA) -> CA:
    """A test CA that issues leaves."""
    return CA.create("SPECIMEN Issuing CA", parent=root)


@pytest.fixture(scope="session")
def trust(ca: CA, root: CA) -> Trust:
    """A test trust in the issuing CA, with a known root."""
    return ca.trust(root.der)


@pytest.fixture(scope="session")
def leaf(ca: CA) -> Leaf:
    """A valid authentication certificate with a P-384 key."""
    return ca.issue(key("P-384"))


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> KortillaCard:
    """A mock card that the services of ``serving.py`` accept."""
    folder = tmp_path_factory.mktemp("card")
    MockCardState.create(folder)
    return KortillaCard(folder)


@pytest.fixture(scope="session")
def trust_folder(
    tmp_path_factory: pytest.TempPathFactory, ca: CA, root: CA, card: KortillaCard
) -> Path:
    """The certificates of both test CAs."""
    folder = tmp_path_factory.mktemp("trust")
    for name, der in {
        "ca": ca.der,
        "root": root.der,
        "card-ca": card.issuing_ca.read_bytes(),
        "card-root": card.root_ca.read_bytes(),
    }.items():
        (folder / f"{name}.der").write_bytes(der)
    return folder


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server of OCSP responses and CRLs for the tests of revocation."""
    async with Server() as running:
        yield running


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A redis-server. A test that breaks it repairs it."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def sites(trust_folder: Path, redis: RedisServer) -> Iterator[Sites]:
    """The services of ``serving.py``."""
    sites = Sites(trust_folder, redis)
    with sites.stack:
        yield sites


@pytest.fixture(params=NAMES)
def site(request: pytest.FixtureRequest, sites: Sites) -> RunningSite:
    """Each service in turn: every framework with every store."""
    return sites.start(request.param)


@pytest.fixture
def authority(kortilla_card: KortillaCard) -> Authority:
    """The CAs of the card."""
    return Authority.open(kortilla_card.folder)


@pytest.fixture
async def demo(trust: Trust) -> AsyncIterator[DemoServer]:
    async with DemoServer(trust, host="127.0.0.1") as demo:
        yield demo
