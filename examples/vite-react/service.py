# SPDX-License-Identifier: MIT
"""The service behind the proxy: card login below /auth, its own routes below /api."""

import os

from aiohttp import web

from kortilla import LoginService, Trust
from kortilla.aiohttp import current_identity, setup


async def me(request: web.Request) -> web.Response:
    """Return who is logged in, or null."""
    person = await current_identity(request)
    if person is None:
        return web.json_response(None)
    name = f"{person.given_names} {person.surname}"
    return web.json_response({"name": name, "satu": person.satu})


def create_app(service: LoginService) -> web.Application:
    """Return the application."""
    app = web.Application()
    app.router.add_get("/api/me", me)
    setup(app, service)
    return app


if __name__ == "__main__":
    # The origin of the address bar, which is the proxy's.
    origin = os.environ.get("ORIGIN", "http://localhost:5173")
    # Test trust is for trials with a mock card: http is possible with it alone.
    trust = Trust.from_folder(
        os.environ.get("CA", "ca"), test=origin.startswith("http:")
    )
    service = LoginService(origin=origin, trust=trust)
    web.run_app(create_app(service), host="127.0.0.1", port=8080)
