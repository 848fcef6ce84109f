# SPDX-License-Identifier: MIT
"""A provider on http on this computer, with real clients beside it."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from kortilla.openid import Settings, create_provider, sub_application
from kortilla.openid.provider import Provider
from tests.openid.clients.authlib_client import create_service
from tests.openid.provider import key_file

NAME = {"fi": "Esimerkkikauppa", "sv": "Exempelbutiken", "en": "The example shop"}
_SECRETS = {"node": "N" * 43, "python": "p" * 43}
_SCRIPT = Path(__file__).with_name("openid_client.mjs")


class RealClients:
    """The addresses of the clients, and the provider."""

    def __init__(self, provider: Provider, urls: dict[str, str]) -> None:
        self.provider = provider
        self.urls = urls


def listen() -> tuple[socket.socket, int]:
    """Return a socket that listens on this computer, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


async def serve_on(
    stack: contextlib.AsyncExitStack, app: web.Application, listener: socket.socket
) -> None:
    """Serve an application until the end of a stack."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener).start()


@contextlib.asynccontextmanager
async def real_clients(folder: Path, *, simulator: bool) -> AsyncIterator[RealClients]:
    """Run a provider whose files are in a folder, openid-client and Authlib's."""
    async with contextlib.AsyncExitStack() as stack:
        (own, port), (python, python_port) = listen(), listen()
        (node, node_port) = listen()
        node.close()  # Node can't take a listener
        issuer = f"http://localhost:{port}/openid"
        ports = {"node": node_port, "python": python_port}
        clients = [
            {
                "id": name,
                "name": NAME,
                "redirect_uris": [f"http://localhost:{ports[name]}/cb"],
                "secrets": [secret],
                "claims": ["name"],
                "authentication": {
                    "node": "client_secret_basic",
                    "python": "client_secret_post",
                }[name],
            }
            for name, secret in _SECRETS.items()
        ]
        settings = Settings.model_validate(
            {
                "issuer": issuer,
                "trust": {"folder": "ca", "test": True},
                "clients": clients,
                "folder": folder,
            }
        )
        provider = create_provider(settings, simulator=simulator, keys=key_file(folder))
        app = web.Application()
        app.add_subapp("/openid", sub_application(provider))
        await serve_on(stack, app, own)
        callback = f"http://localhost:{python_port}/cb"
        service = create_service(issuer, _SECRETS["python"], callback)
        await serve_on(stack, service, python)
        await _start_node(stack, issuer, node_port)
        urls = {name: f"http://localhost:{each}/" for name, each in ports.items()}
        yield RealClients(provider, urls)


async def _start_node(stack: contextlib.AsyncExitStack, issuer: str, port: int) -> None:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(_SCRIPT),
        stdout=asyncio.subprocess.PIPE,
        stderr=sys.stderr,
        env={
            "PATH": os.environ["PATH"],
            "ISSUER": issuer,
            "SECRET": _SECRETS["node"],
            "PORT": str(port),
        },
    )

    async def end() -> None:
        process.terminate()
        await process.wait()

    stack.push_async_callback(end)
    assert process.stdout
    assert await process.stdout.readline() == b"listening\n"
