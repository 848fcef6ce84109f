# SPDX-License-Identifier: MIT
"""Connections to a real Redis: its restarts, TLS, and what is wrong with an address."""

import asyncio
import contextlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kortilla.errors import StoreUnavailableError
from kortilla.redis import RedisStores
from kortilla.web.challenge import Challenges
from tests.kortilla.redis_server import running_redis, tcp

#: Seconds: longer than any response takes, and the time limit for a Redis that never
#: responds.
SECONDS, SHORT = 20.0, 2.0


@pytest.mark.parametrize("by", ["unix", "tcp"])
@pytest.mark.parametrize("noticed", [True, False])
async def test_after_a_restart_no_idle_connection_refuses_a_request(
    by: str, noticed: bool
) -> None:
    """Not even one with a command that can't be repeated."""
    address, options = tcp()
    with running_redis(*options) as redis:
        url = redis.url if by == "unix" else f"redis://{address}"
        stores = RedisStores.from_url(url, seconds=SECONDS)
        challenges = Challenges(stores.challenges)

        async def log_in() -> None:
            session: dict[str, object] = {}
            await challenges.create(session)
            await challenges.take(session)
            await stores.sessions.load(await stores.sessions.create({"a": 1}))

        def connections() -> Any:
            return redis.client.info("stats")["total_connections_received"]

        await asyncio.gather(*(log_in() for _ in range(40)))
        assert redis.client.info("clients")["connected_clients"] > 30
        with redis.away():
            if noticed:  # by the event loop, which has not looked yet otherwise
                for _ in range(3):
                    await asyncio.sleep(0)
        await asyncio.gather(*(log_in() for _ in range(40)))
        # What is dropped is what was closed: the others are used again.
        before = connections()
        await asyncio.gather(*(log_in() for _ in range(20)))
        assert connections() == before
        await stores.close()


#: What is wrong: options of the server (None: there is none), the URL, the sentence.
MISTAKES: dict[str, tuple[list[str] | None, str, str]] = {
    "no server": (None, "redis://ADDRESS", "No Redis is at the address of the URL"),
    "no such host": (
        None,
        "redis://a.invalid",
        "No Redis is at the address of the URL",
    ),
    "no socket": (None, "unix:///nowhere", "The socket or the file"),
    "no password": (["--requirepass", "secret"], "redis://ADDRESS", "refuses the user"),
    "wrong password": (
        ["--requirepass", "right"],
        "redis://:secret@ADDRESS",
        "Redis refuses the user or the password: write both into the URL",
    ),
    "no TLS there": ([], "rediss://ADDRESS", "whether it speaks TLS"),
    "TLS there": (["TLS"], "redis://ADDRESS", "write rediss:// in place of redis://"),
    "an unknown CA": (
        ["TLS"],
        "rediss://ADDRESS",
        "refused: self-signed certificate. Name its CA in the URL, "
        "rediss://HOST?ssl_ca_certs=FILE.",
    ),
    "a CA's file that is not there": (
        ["TLS"],
        "rediss://ADDRESS?ssl_ca_certs=/nowhere",
        "The socket or the file that Redis's URL names is not there",
    ),
}


def tls(folder: Path, address: str) -> list[str]:
    """Return the options of a server with TLS, whose certificate is its own CA."""
    host = address.partition(":")[0]
    files = ["-keyout", "key.pem", "-out", "certificate.pem"]
    name = ["-subj", "/CN=Redis", "-addext", f"subjectAltName=IP:{host}"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", *files, *name],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    options = {"port": "6379", "auth-clients": "no"}
    options |= {
        "cert-file": f"{folder}/certificate.pem",
        "key-file": f"{folder}/key.pem",
    }
    own = [part for name, each in options.items() for part in (f"--tls-{name}", each)]
    return ["--bind", host, *own]


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_sentence_names_the_mistake_and_what_to_do(
    mistake: str, tmp_path: Path
) -> None:
    options, url, sentence = MISTAKES[mistake]
    address, plain = tcp()
    with contextlib.ExitStack() as stack:
        if options is not None:
            secure = options == ["TLS"]
            wanted = tls(tmp_path, address) if secure else [*plain, *options]
            stack.enter_context(running_redis(*wanted))
        url = url.replace("ADDRESS", address)
        # The one that never answers has a short limit.
        seconds = SHORT if mistake == "no TLS there" else SECONDS
        stores = RedisStores.from_url(url, seconds=seconds)
        with pytest.raises(StoreUnavailableError) as caught:
            await stores.sessions.create({})
        await stores.close()
    assert sentence in str(caught.value)
    assert len(re.findall(r"[.:] ", str(caught.value))) <= 2
    assert "secret" not in str(caught.value)


async def test_a_redis_with_a_ca_of_its_own_works(tmp_path: Path) -> None:
    address, _ = tcp()
    with running_redis(*tls(tmp_path, address)) as redis:
        ca = f"{tmp_path}/certificate.pem"
        stores = RedisStores.from_url(f"rediss://{address}?ssl_ca_certs={ca}")
        for _ in range(20):
            assert await stores.sessions.load(await stores.sessions.create({})) == {}
        # One connection of the stores, which is used again, and the test's own.
        assert redis.client.info("stats")["total_connections_received"] == 2
        await stores.close()
