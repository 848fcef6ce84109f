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
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp

from kortilla.openid.keys import KeyFile, Keys
from kortilla.openid.settings import hash_secret
from tests.kortilla.pki import CA, Leaf, key
from tools import bench_login
from tools.bench_login import CONCURRENT, memory, show

ORIGIN = "https://login.example"
CALLBACK = "https://shop.example/callback"
SECRET = "s" * 43
#: A verifier and its S256 challenge (RFC 7636, appendix B).
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
LATENCIES = 1_000
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
    measure(arguments.parse_args().logins)


def measure(logins: int) -> None:
    """Print latencies, rate and memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = CA.create("SPECIMEN Root CA")
        authority = CA.create("SPECIMEN Issuing CA", parent=root)
        leaf = authority.issue(key("P-384"))
        (folder / "ca").mkdir()
        (folder / "ca" / "ca.der").write_bytes(authority.der)
        KeyFile(folder / "keys.json").write(Keys.create())
        (folder / "openid.toml").write_text(_CONFIGURATION)
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


async def one_login(http: aiohttp.ClientSession, leaf: Leaf) -> float:
    """Log in from a new browser, and return the duration without the signature."""
    begun = time.monotonic()
    asked = {
        "client_id": "shop",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid profile",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    async with http.get("/authorize", params=asked, allow_redirects=False) as answer:
        page = answer.headers["Location"]
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    own = {"Cookie": cookie, "Origin": ORIGIN, "Content-Type": "application/json"}
    async with http.post(f"{page}/challenge", data="{}", headers=own) as answer:
        nonce = (await answer.json())["nonce"]
    took = time.monotonic() - begun
    token = {"authToken": leaf.token(origin=ORIGIN, nonce=nonce), "nonce": nonce}
    begun = time.monotonic()
    async with http.post(f"{page}/login", json=token, headers=own) as answer:
        if answer.status != 200:
            raise SystemExit(f"bench_openid: {await answer.text()}")
        signed = answer.headers["Set-Cookie"].partition(";")[0]
    own["Cookie"] = f"{cookie}; {signed}"
    async with http.get(f"{page}/done", headers=own, allow_redirects=False) as answer:
        [code] = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": "shop",
        "client_secret": SECRET,
    }
    async with http.post("/token", data=form) as answer:
        access = (await answer.json())["access_token"]
    bearer = {"Authorization": f"Bearer {access}"}
    async with http.get("/userinfo", headers=bearer) as answer:
        await answer.read()
    return took + time.monotonic() - begun


if __name__ == "__main__":
    main()
