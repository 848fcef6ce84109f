# SPDX-License-Identifier: MIT
"""Measures logins at the OpenID Provider, beside the library's own login.

A login is what a browser and a client do: authorize, challenge, the card's token, done,
token and userinfo, six requests to ``kortilla-server openid serve`` with its store in
memory. As in ``bench_login``, a key in memory replaces the card, and its time is not
counted. ``python -m tools.bench_openid --logins 20000`` takes some minutes.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from kortilla.openid.clients.settings import hash_secret
from kortilla.openid.protocol.signing_keys import KeyFile, Keys
from tests.kortilla.pki import CA, Leaf, key
from tools import bench_login
from tools.bench_login import CONCURRENT, memory, show

ORIGIN = "https://login.example"
CALLBACK = "https://shop.example/callback"
SECRET = "s" * 43
#: A verifier and its S256 challenge (RFC 7636, appendix B).
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#: A request to log in.
ASKED = {
    "client_id": "shop",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid profile",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
LATENCIES = 1_000
_ONE_ADDRESS = repeat("")
_CONFIGURATION = f"""
issuer = "{ORIGIN}"
[trust]
folder = "ca"
test = true
[server]
logins_per_minute = 1000000000
[[clients]]
id = "shop"
name = {{ fi = "Kauppa", sv = "Butiken", en = "The shop" }}
redirect_uris = ["{CALLBACK}"]
authentication = "client_secret_post"
secrets = ["{hash_secret(SECRET)}"]
claims = ["name"]
"""


def main() -> None:
    """Measure and print the figures."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--logins", type=int, default=bench_login.LOGINS)
    arguments.add_argument("--redis", help="The URL of a Redis in place of memory.")
    chosen = arguments.parse_args()
    measure(chosen.logins, chosen.redis)


def write_files(folder: Path, redis: str | None, *, first: str = "") -> Leaf:
    """Write a configuration, which ``first`` begins, and return a card's key."""
    root = CA.create("SPECIMEN Root CA")
    authority = CA.create("SPECIMEN Issuing CA", parent=root)
    (folder / "ca").mkdir()
    (folder / "ca" / "ca.der").write_bytes(authority.der)
    KeyFile(folder / "keys.json").write(Keys.create())
    store = f'\n[redis]\nurl = "{redis}"\n' if redis else ""
    (folder / "openid.toml").write_text(f"{first}{_CONFIGURATION}{store}")
    return authority.issue(key("P-384"))


def measure(logins: int, redis: str | None) -> None:
    """Print latencies, rate and memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        leaf = write_files(folder, redis)
        with server(folder) as (pid, url):
            run(url, leaf, LATENCIES // 10, CONCURRENT)  # warms up
            show("OpenID login, one at a time", run(url, leaf, LATENCIES // 10, 1))
            begun = time.monotonic()
            times = run(url, leaf, LATENCIES, CONCURRENT)
            rate = len(times) / (time.monotonic() - begun)
            show(f"OpenID login, {CONCURRENT} concurrent", times)
            print(f"{'OpenID logins per second, one process':44} {rate:7.0f}")
            before = memory(pid)
            run(url, leaf, logins, CONCURRENT)
            print(
                f"{f'memory after {logins:,} more logins':44} {memory(pid):7.0f} MB    "
                f"({before:.0f} before)"
            )


@contextmanager
def server(folder: Path) -> Iterator[tuple[int, str]]:
    """Run a provider, and yield its process id and its address."""
    command = [sys.executable, "-m", "kortilla.cli", "openid", "serve", "--json"]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*command, "--port", "0", "--config", str(folder / "openid.toml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout  # noqa: S101 - for the type checker
    try:
        yield process.pid, json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def run(url: str, leaf: Leaf, count: int, concurrent: int) -> list[float]:
    """Log in so many times, and return the duration of each login."""
    return asyncio.run(bench_login.repeat(one_login, url, leaf, count, concurrent))


@dataclass(frozen=True)
class Evidence:
    """What a finished login was made of, to try it again. ``session`` is a cookie."""

    seconds: float
    page: str
    headers: dict[str, str]
    token: dict[str, str]
    form: dict[str, str]
    session: str


class RefusedError(Exception):
    """A request got another status than it should."""


async def one_login(http: aiohttp.ClientSession, leaf: Leaf) -> float:
    """Log in from a new browser, and return the duration without the signature."""
    return (await log_in(http, leaf)).seconds


async def log_in(
    http: aiohttp.ClientSession, leaf: Leaf, addresses: Iterator[str] = _ONE_ADDRESS
) -> Evidence:
    """Log in from a new browser, each request to the next address.

    Raises ``RefusedError``.
    """

    async def send(
        method: str, path: str, status: int, **options: Any
    ) -> aiohttp.ClientResponse:
        where = f"{next(addresses)}{path}"
        async with http.request(
            method, where, allow_redirects=False, **options
        ) as answer:
            await answer.read()
        if answer.status != status:
            raise RefusedError(f"{answer.status} to {method} {path[-10:]}")
        return answer

    begun = time.monotonic()
    answer = await send("GET", "/authorize", 303, params=ASKED)
    page = answer.headers["Location"]
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    own = {"Cookie": cookie, "Origin": ORIGIN, "Content-Type": "application/json"}
    answer = await send("POST", f"{page}/challenge", 200, data="{}", headers=own)
    nonce = (await answer.json())["nonce"]
    took = time.monotonic() - begun
    token = {"authToken": leaf.token(origin=ORIGIN, nonce=nonce), "nonce": nonce}
    begun = time.monotonic()
    answer = await send("POST", f"{page}/login", 200, json=token, headers=own)
    signed = answer.headers["Set-Cookie"].partition(";")[0]
    own["Cookie"] = f"{cookie}; {signed}"
    answer = await send("GET", f"{page}/done", 303, headers=own)
    [code] = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
    cookies = answer.headers.getall("Set-Cookie", [])
    session = next((each for each in cookies if "-session=" in each), "")
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": "shop",
        "client_secret": SECRET,
    }
    answer = await send("POST", "/token", 200, data=form)
    bearer = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
    await send("GET", "/userinfo", 200, headers=bearer)
    took += time.monotonic() - begun
    return Evidence(took, page, own, token, form, session.partition(";")[0])


if __name__ == "__main__":
    main()
