# SPDX-License-Identifier: MIT
"""Measures a login with the card as TLS client certificate, with NSS's client.

It measures from the server's request for the certificate to the visible PIN window, and
from Enter to the finished handshake, on a mock card that responds without delay. The
client is ``tstclnt``, which uses the same library as Firefox and Chromium. Run it by
``tools/bench.py`` or alone.
"""

import asyncio
import ssl
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kortilla.mock_card.state import MockCardState
from native_host.browser_testing.temporary_home import TemporaryHome
from tests.support.offscreen import OFFSCREEN
from tools.bench_page import TYPIST, show
from tools.demo.site_authority import Authority
from tools.demo.token import TokenSocket, add_token

RUNS = 7

#: Relays the window's lines, records when it is visible, and closes it.
WATCHED_WINDOW = f"""
import subprocess, sys, time
window = subprocess.Popen({OFFSCREEN!r},
                          stdin=0, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
for line in window.stdout:
    if '"visible"' in line:
        open(sys.argv[1], "w").write(str(time.time()))
        line += '{{"type": "cancel"}}' + chr(10)
    sys.stdout.write(line); sys.stdout.flush()
"""


def main() -> None:
    """Measure and print for each version of TLS."""
    with tempfile.TemporaryDirectory() as name:
        home = TemporaryHome.build(Path(name), "firefox", card="mock", prompt="window")
        MockCardState.create(home.mock_card_folder)
        authority = Authority(home.home, ["localhost"])
        add_token(home.home / "nssdb", authority)
        for version in ("1.2", "1.3"):
            windows, ends = asyncio.run(_measure(home, authority, version))
            show(f"TLS {version}: certificate asked for → window", windows)
            show(f"TLS {version}: Enter → handshake finished", ends)


async def _measure(
    home: TemporaryHome, authority: Authority, version: str
) -> tuple[list[float], list[float]]:
    noted = home.home / "noted"
    windows: list[float] = []
    ends: list[float] = []
    for code, times in ((WATCHED_WINDOW, windows), (TYPIST, ends)):
        command = _serving([sys.executable, "-I", "-c", code, str(noted)])
        async with TokenSocket(home.environment, command=command) as token:
            for _ in range(RUNS):
                asked, finished = await _shake_hands(home, authority, version, token)
                at = float(noted.read_text())
                times.append(at - asked if code is WATCHED_WINDOW else finished - at)
    return windows, ends


def _serving(window: Sequence[str]) -> tuple[str, ...]:
    code = (
        "from native_host.config import load_config; "
        "from native_host.pkcs11.service import serve_stdio; "
        f"serve_stdio(load_config(), window={list(window)!r})"
    )
    return (sys.executable, "-I", "-c", code)


async def _shake_hands(
    home: TemporaryHome, authority: Authority, version: str, token: TokenSocket
) -> tuple[float, float]:
    """Return the times of the certificate request and of the handshake's end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion[f"TLSv{version.replace('.', '_')}"]
    context.load_cert_chain(authority.chain)
    issuer = home.mock_card_folder / "issuing.der"
    context.load_verify_locations(cadata=issuer.read_bytes())
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    times: list[float] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        with suppress(ssl.SSLError, ConnectionError):
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    times.append(time.time())
                    data = await reader.read(65536)
                    incoming.write(data) if data else incoming.write_eof()
                else:
                    break
        times.append(time.time())
        writer.write(outgoing.read())
        writer.close()
        done.set()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        with tempfile.TemporaryFile() as said:
            said.write(b"GET / HTTP/1.0\r\n\r\n")  # tstclnt connects only then
            said.seek(0)
            process = await asyncio.create_subprocess_exec(
                *("tstclnt", "-4", "-h", "localhost", "-p", str(port)),
                *("-d", f"sql:{home.home / 'nssdb'}"),
                *("-V", f"tls{version}:tls{version}"),
                stdin=said,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={**home.environment, "P11_KIT_SERVER_ADDRESS": token.address},
            )
        await done.wait()
        await process.wait()
    # The server reads the client's hello once, and then asks for the certificate.
    return times[1], times[-1]


if __name__ == "__main__":
    main()
